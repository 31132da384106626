// SPDX-License-Identifier: Apache-2.0

internal import CKernels
import ModelState
import Randomness

/// What the encoder decides before it writes: the step, and the classes with their scales and shapes.
struct DitheredPlan {
    /// log2 of the step in 2^-16, before the exact power of two that the vector was scaled by.
    let stepLogarithm: Int
    let classes: [BlockClass]
    let classOfBin: [UInt8]
    /// The bits that the coded update is expected to take.
    let expectedBits: Double

    /// The shape of the class whose scale is nearest.
    func shape(near scale: Int) -> Int? {
        classes.min { abs($0.scale - scale) < abs($1.scale - scale) }?.shape
    }
}

/// The energies of all blocks and a sample of the blocks, from which plans are made.
///
/// Nothing here depends on the C library's transcendental functions, so the same update is coded to the same bytes on
/// every CPU.
final class DitheredAnalysis {
    private static let sampleRun = 64
    private static let sampleRuns = 48
    /// Of each run of blocks whose classes are coded, so many at the front are quantised, unless the update is small.
    private static let quantizedRun = 21
    private static let smallBlocks = 2048

    let elementCount: Int
    let energies: [Float]
    let largest: Float
    private let histogram: EnergyHistogram
    private let sample: [Range<Int>]
    private let vector: UnsafeBufferPointer<Float>
    let key: UInt64
    private var symbols: [Int8]
    private var wide: [Int32]

    init(_ vector: UnsafeBufferPointer<Float>, key: UInt64) {
        self.vector = vector
        self.key = key
        elementCount = vector.count
        let blocks = (vector.count + 63) / 64
        let measured = Self.measure(vector, blocks: blocks)
        energies = measured.energies
        largest = measured.largest
        var counted = EnergyHistogram()
        energies.withUnsafeBufferPointer { counted.add($0) }
        histogram = counted
        sample = Self.sampleRanges(blocks: blocks)
        symbols = [Int8](repeating: 0, count: Self.sampleRun * 64)
        wide = [Int32](repeating: 0, count: Self.sampleRun * 64)
    }

    /// The mean square of each block, the last one padded with zeros, and the largest magnitude.
    private static func measure(
        _ vector: UnsafeBufferPointer<Float>,
        blocks: Int
    ) -> (energies: [Float], largest: Float) {
        var largest: Float = 0
        let whole = vector.count / 64
        let energies = [Float](unsafeUninitializedCapacity: blocks) { buffer, count in
            count = blocks
            guard let to = buffer.baseAddress, let from = vector.baseAddress else { return }
            largest = cc_block_energies(to, from, whole)
            guard whole < blocks else { return }
            var last = [Float](repeating: 0, count: 64)
            for index in (whole * 64)..<vector.count { last[index - whole * 64] = vector[index] }
            largest = max(largest, cc_block_energies(to + whole, last, 1))
        }
        return (energies, largest)
    }

    /// All blocks of a small update; else runs of 64 at equal distances.
    private static func sampleRanges(blocks: Int) -> [Range<Int>] {
        let whole = blocks
        guard whole > sampleRun * sampleRuns else {
            return stride(from: 0, to: whole, by: sampleRun).map { $0..<min($0 + sampleRun, whole) }
        }
        return (0..<sampleRuns).map { run in
            let start = run * (whole - sampleRun) / (sampleRuns - 1)
            return start..<(start + sampleRun)
        }
    }

    private var sampleBlocks: Int { sample.reduce(0) { $0 + $1.count } }

    /// log2 of the root mean square in 2^-16; nil for a vector of zeros.
    var rootMeanSquareLogarithm: Int? {
        guard largest > 0, elementCount > 0 else { return nil }
        var lanes = [Double](repeating: 0, count: 8)
        for (index, energy) in energies.enumerated() { lanes[index & 7] += Double(energy) }
        let mean = Float(lanes.reduce(0, +) * 64 / Double(elementCount))
        return mean > 0 ? FixedPointMath.logarithm(mean) / 2 : nil
    }

    /// The step at which the normal model estimates `bits` for all blocks, by bisection.
    func estimatedStep(bits: Double) -> Int {
        var low = FixedPointMath.logarithm(largest) - 21 * 65_536
        var high = FixedPointMath.logarithm(largest) + 12 * 65_536
        while high - low > 64 {
            let middle = (low + high) / 2
            if estimatedBits(stepLogarithm: middle) > bits { low = middle } else { high = middle }
        }
        return high
    }

    private func estimatedBits(stepLogarithm: Int) -> Double {
        var bits = 0.0
        for bin in 0..<EnergyHistogram.binCount where histogram.counts[bin] > 0 {
            bits += Double(histogram.counts[bin]) * Self.estimatedBits(bin: bin, stepLogarithm: stepLogarithm)
        }
        return bits
    }

    private static func estimatedBits(bin: Int, stepLogarithm: Int) -> Double {
        let scale = (EnergyHistogram.logarithms[bin] - 2 * stepLogarithm) / 2 + 10 * 65_536
        return 64 * ClassRate.bits(scale: scale)
    }

    /// Chooses the classes for a step, fits them to the sample and counts the sample's bits.
    func plan(stepLogarithm: Int, after previous: DitheredPlan? = nil) -> DitheredPlan {
        let selection = ClassSelection(histogram, stepLogarithm: stepLogarithm)
        let starts = selection.scales.map { scale in
            min(max((scale * BlockClass.scalesPerOctave + 32_768) >> 16, 0), BlockClass.scaleCount - 1)
        }
        var histograms = starts.map { ClassHistogram(rawBits: BlockClass(scale: $0, shape: 0).rawBits) }
        var map: [UInt8] = []
        map.reserveCapacity(sampleBlocks)
        let inverse = 1 / FixedPointMath.float(logarithm: stepLogarithm)
        var estimate = 0.0
        for range in sample {
            let isSmall = energies.count <= Self.smallBlocks
            let quantized =
                isSmall ? range : range.lowerBound..<min(range.upperBound, range.lowerBound + Self.quantizedRun)
            quantize(quantized, inverseStep: inverse)
            for block in range {
                let blockClass = energies[block] > 0 ? selection.classOfBin[EnergyHistogram.bin(energies[block])] : 0
                map.append(blockClass)
                guard blockClass > 0, block < quantized.upperBound else { continue }
                estimate += Self.estimatedBits(bin: EnergyHistogram.bin(energies[block]), stepLogarithm: stepLogarithm)
                let at = (block - range.lowerBound) * 64
                wide.withUnsafeBufferPointer {
                    histograms[Int(blockClass) - 1].add(UnsafeBufferPointer(rebasing: $0[at..<(at + 64)]))
                }
            }
        }
        var sampleBits = 0.0
        var classes: [BlockClass] = []
        for (histogram, start) in zip(histograms, starts) {
            let fit = histogram.fit(scale: start, shape: previous?.shape(near: start))
            classes.append(fit.blockClass)
            sampleBits += fit.bits
        }
        var mapBits = 0.0
        if classes.count > 1 || map.contains(0) {
            let coded = map.withUnsafeBufferPointer { ClassMapCoder.encode($0, classCount: classes.count) }
            mapBits = Double(coded.count * 8) * Double(energies.count) / Double(max(sampleBlocks, 1))
        }
        // The normal model knows the energies of all blocks: the sample only says by how much it errs.
        let total = estimatedBits(stepLogarithm: stepLogarithm)
        let symbolBits = estimate > 0 ? sampleBits * total / estimate : 0
        // A chunk's lengths and kind, and its states, of which 16 of 32 bits each say nothing about symbols.
        let chunks = Double((energies.count + DitheredFormat.chunkBlocks - 1) / DitheredFormat.chunkBlocks)
        let header = Double(8 * (6 + 2 * classes.count))
        return DitheredPlan(
            stepLogarithm: stepLogarithm,
            classes: classes,
            classOfBin: selection.classOfBin,
            expectedBits: symbolBits + mapBits + header + chunks * Double(8 * (5 + 18))
        )
    }

    private func quantize(_ range: Range<Int>, inverseStep: Float) {
        let first = range.lowerBound * 64
        let count = min(range.count * 64, elementCount - first)
        guard let base = vector.baseAddress else { return }
        let whole = count / 64
        cc_dither_quantize(&symbols, &wide, base + first, whole, UInt64(range.lowerBound), key, inverseStep)
        guard whole < range.count else { return }
        var last = [Float](repeating: 0, count: 64)
        for index in (whole * 64)..<count { last[index - whole * 64] = base[first + index] }
        wide.withUnsafeMutableBufferPointer { wide in
            symbols.withUnsafeMutableBufferPointer { symbols in
                cc_dither_quantize(
                    symbols.baseAddress,
                    wide.baseAddress.unsafelyUnwrapped + whole * 64,
                    last,
                    1,
                    UInt64(range.lowerBound + whole),
                    key,
                    inverseStep
                )
            }
        }
    }
}
