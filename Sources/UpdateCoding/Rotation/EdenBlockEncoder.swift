// SPDX-License-Identifier: Apache-2.0

internal import CKernels
import ModelState
import Randomness

/// Codes the blocks of one update, one after the other.
final class EdenBlockEncoder {
    private let scale: EdenCodec.Scale
    private var rotation: SignedHadamard
    private let rotated: UnsafeMutablePointer<Float>
    private let codes: UnsafeMutablePointer<UInt8>

    init(scale: EdenCodec.Scale, seed: Seed) {
        self.scale = scale
        rotation = SignedHadamard(seed: seed)
        rotated = .allocate(capacity: RotationBlocks.largest)
        codes = .allocate(capacity: RotationBlocks.largest)
    }

    deinit {
        rotated.deallocate()
        codes.deallocate()
    }

    func encode(
        _ block: UnsafeBufferPointer<Float>,
        start: Int,
        length: Int,
        bits: Int,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        rotated.update(from: block.baseAddress.unsafelyUnwrapped, count: block.count)  // a block is never empty
        (rotated + block.count).update(repeating: 0, count: length - block.count)
        rotation.rotate(rotated, start: start, length: length)
        let scaleValue = quantize(length: length, GaussianQuantizer.bits(bits))
        guard Float(scaleValue).isFinite, scaleValue < 0x1p100 else {
            throw UpdateCodingError(.notFinite, "a block's norm is past 2^100; eden cannot code it")
        }
        output.appendLittleEndian(Float(scaleValue))
        pack(bits: bits, length: length, into: &output)
    }

    /// Writes the codes of the rotated block; returns S / n.
    private func quantize(length: Int, _ quantizer: GaussianQuantizer) -> Double {
        let energy = VectorKernels.squaredNorm(UnsafeBufferPointer(start: rotated, count: length))
        let factor = energy > 0 ? Float((Double(length) / energy).squareRoot()) : 0
        guard factor > 0, factor.isFinite else {
            codes.update(repeating: 0, count: length)
            return 0
        }
        let inner = cc_lookup_quantize(
            codes,
            rotated,
            factor,
            quantizer.thresholds,
            quantizer.levels,
            quantizer.levels.count,
            length
        )
        switch scale {
        case .unbiased: return energy / inner / Double(length)
        case .leastError: return inner / codedEnergy(quantizer, length) / Double(length)
        }
    }

    /// |z|^2, from the number of times each level occurs: exact, whatever the order.
    private func codedEnergy(_ quantizer: GaussianQuantizer, _ length: Int) -> Double {
        var counts = [Int](repeating: 0, count: quantizer.values.count)
        for index in 0..<length { counts[Int(codes[index])] += 1 }
        return zip(counts, quantizer.values).reduce(0) { $0 + Double($1.0) * Double($1.1) * Double($1.1) }
    }

    /// The code's bits in fields of 4, 2 and 1 (or 8) bits, the low ones first: each is packed on its own.
    private func pack(bits: Int, length: Int, into output: inout [UInt8]) {
        output.appendFilled(length / 8 * bits) { bytes in
            guard var to = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { return }
            forEachField(ofCode: bits) { width, shift in
                cc_pack(to, codes, Int32(width), Int32(shift), length)
                to += length / 8 * width
            }
        }
    }
}

/// Splits a code of `bits` bits in fields that divide a byte: 8, 4, 2 and 1 bits, the widest at the low end.
func forEachField(ofCode bits: Int, _ body: (_ width: Int, _ shift: Int) -> Void) {
    var shift = 0
    for width in [8, 4, 2, 1] where bits & width != 0 {
        body(width, shift)
        shift += width
    }
}
