// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness

/// Codes one update: finds the step, plans the classes, writes header and chunks.
struct DitheredEncoder {
    private let vector: UnsafeBufferPointer<Float>
    private let codec: DitheredCodec
    private let key: UInt64
    private let analysis: DitheredAnalysis
    /// The vector scaled by a power of two, kept only where its own magnitudes are too small or large to square.
    private let scaled: [Float]
    private let exponent: Int

    init(_ vector: UnsafeBufferPointer<Float>, codec: DitheredCodec, seed: Seed) throws(UpdateCodingError) {
        self.vector = vector
        self.codec = codec
        key = seed.deriving("dither").value
        let first = DitheredAnalysis(vector, key: key)
        guard first.largest < 0x1p96 else {
            throw UpdateCodingError(.notFinite, "a coordinate is past 2^96; ecdq cannot code it")
        }
        if first.largest == 0 || (first.largest > 0x1p-30 && first.largest < 0x1p30) {
            analysis = first
            scaled = []
            exponent = 0
        } else {
            // Exact: a power of two changes no mantissa, but for subnormals, which are far below the step.
            exponent = max(-Int(first.largest.exponent), -120)
            let factor = Float(sign: .plus, exponent: min(exponent, 100), significand: 1)
            let rest = Float(sign: .plus, exponent: exponent - min(exponent, 100), significand: 1)
            scaled = vector.map { $0 * factor * rest }
            analysis = scaled.withUnsafeBufferPointer { DitheredAnalysis($0, key: first.key) }
        }
    }

    /// Appends the coded update; widens the step should the bytes exceed the limit.
    func encode(into output: inout [UInt8], limit: Int) throws(UpdateCodingError) {
        guard let rootMeanSquare = analysis.rootMeanSquareLogarithm else {
            DitheredHeader.zero.append(to: &output)
            return
        }
        let start = output.count
        var plan = makePlan(rootMeanSquare: rootMeanSquare)
        while true {
            write(plan, into: &output)
            let excess = Double(output.count - start) / Double(limit)
            guard excess > 1 else { return }
            output.removeLast(output.count - start)
            guard case .bits = codec.target else {
                DitheredHeader.stored.append(to: &output)
                output.append(contentsOf: UnsafeRawBufferPointer(vector))
                return
            }
            plan = analysis.plan(stepLogarithm: plan.stepLogarithm + 16_384)
        }
    }

    private func makePlan(rootMeanSquare: Int) -> DitheredPlan {
        let finest = FixedPointMath.logarithm(analysis.largest) - 21 * 65_536
        switch codec.target {
        case .error(let error):
            // log2 sqrt(12 error) + log2 rms
            let step = FixedPointMath.logarithm(Float(12 * error)) / 2 + rootMeanSquare
            return analysis.plan(stepLogarithm: max(step, finest))
        case .bits(let bits):
            let target = bits * Double(vector.count)
            var plan = analysis.plan(stepLogarithm: max(analysis.estimatedStep(bits: target), finest))
            // Newton's method: a doubled step saves about one bit of each coordinate above a bit, and less below.
            for _ in 0..<3 {
                let excess = (plan.expectedBits - target) / Double(vector.count)
                guard excess > 0 || excess < -0.001 * bits else { break }
                let slope = min(1, 0.15 + 0.7 * bits)
                let change = (excess / slope + 0.0004 * bits) * 65_536
                let step = plan.stepLogarithm + Int(max(min(change, 131_072), -131_072))
                plan = analysis.plan(stepLogarithm: max(step, finest), after: plan)
            }
            return plan
        }
    }

    private func write(_ plan: DitheredPlan, into output: inout [UInt8]) {
        let header = DitheredHeader(
            mode: codec.scale == .unbiased ? .unbiased : .leastError,
            step: FixedPointMath.float(logarithm: plan.stepLogarithm - exponent * 65_536),
            classes: plan.classes
        )
        header.append(to: &output)
        let inverse = 1 / FixedPointMath.float(logarithm: plan.stepLogarithm)
        let chunk = DitheredChunkEncoder(classes: plan.classes, key: key, inverseStep: inverse)
        let classes = analysis.energies.map { energy in
            energy > 0 ? plan.classOfBin[EnergyHistogram.bin(energy)] : 0
        }
        let write = { (source: UnsafeBufferPointer<Float>, output: inout [UInt8]) in
            classes.withUnsafeBufferPointer { classes in
                var block = 0
                while block < classes.count {
                    let end = min(block + DitheredFormat.chunkBlocks, classes.count)
                    let coordinates = UnsafeBufferPointer(rebasing: source[(block * 64)..<min(end * 64, source.count)])
                    chunk.encode(
                        coordinates,
                        firstBlock: block,
                        classOfBlock: UnsafeBufferPointer(rebasing: classes[block..<end]),
                        into: &output
                    )
                    block = end
                }
            }
        }
        if exponent == 0 {
            write(vector, &output)
        } else {
            scaled.withUnsafeBufferPointer { write($0, &output) }
        }
    }
}
