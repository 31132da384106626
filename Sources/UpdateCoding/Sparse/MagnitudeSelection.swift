// SPDX-License-Identifier: Apache-2.0

internal import CKernels
import ModelState

/// Finds the coordinates of largest magnitude, exactly, without sorting: two passes of counting over the float's bits.
enum MagnitudeSelection {
    /// Indices, ascending, of the `count` coordinates of largest magnitude over the whole vector, and of each tensor's
    /// own largest until it has a share of `floor`; zeros are never among them. Ties go to the lower index.
    static func indices(
        _ vector: UnsafeBufferPointer<Float>,
        layout: TensorLayout,
        count: Int,
        floor: Double
    ) -> [Int] {
        var chosen = largest(vector, count: count)
        guard floor > 0 else { return chosen }
        var additions: [Int] = []
        var next = 0
        for tensor in layout.tensors.indices {
            let range = layout.range(of: tensor)
            let first = next
            while next < chosen.count, chosen[next] < range.upperBound { next += 1 }
            let least = SparseFraction.kept(floor, of: range.count)
            guard next - first < least, !range.isEmpty else { continue }
            let own = largest(UnsafeBufferPointer(rebasing: vector[range]), count: least)
            let present = Set(chosen[first..<next])
            additions.append(contentsOf: own.map { $0 + range.lowerBound }.filter { !present.contains($0) })
        }
        guard !additions.isEmpty else { return chosen }
        chosen.append(contentsOf: additions)
        chosen.sort()
        return chosen
    }

    private static func largest(_ vector: UnsafeBufferPointer<Float>, count: Int) -> [Int] {
        let (threshold, ties) = threshold(vector, count: count)
        var remainingTies = ties
        var result: [Int] = []
        result.reserveCapacity(count)
        for (index, value) in vector.enumerated() {
            let magnitude = value.bitPattern & 0x7FFF_FFFF
            if magnitude < threshold || magnitude == 0 { continue }
            if magnitude == threshold {
                guard remainingTies > 0 else { continue }
                remainingTies -= 1
            }
            result.append(index)
        }
        return result
    }

    /// The magnitude's bits at rank `count`, and how many coordinates of exactly that magnitude belong to the chosen.
    private static func threshold(_ vector: UnsafeBufferPointer<Float>, count: Int) -> (bits: UInt32, ties: Int) {
        guard count < vector.count, let base = vector.baseAddress else { return (0, 0) }
        if vector.count < 4096 {
            // Counting 2^16 bins costs more than sorting so few.
            let sorted = vector.map { $0.bitPattern & 0x7FFF_FFFF }.sorted(by: >)
            let threshold = sorted[count - 1]
            return (threshold, count - (sorted.firstIndex(of: threshold) ?? 0))
        }
        var upper = [UInt32](repeating: 0, count: 1 << 16)
        cc_magnitude_histogram(&upper, base, vector.count)
        let (bin, above) = rank(upper, count)
        var lower = [UInt32](repeating: 0, count: 1 << 15)
        cc_magnitude_refine(&lower, base, vector.count, UInt32(bin))
        let (rest, higher) = rank(lower, count - above)
        return (UInt32(bin) << 15 | UInt32(rest), count - above - higher)
    }

    /// The bin that holds rank `count` from the top, and how many lie above it.
    private static func rank(_ histogram: [UInt32], _ count: Int) -> (bin: Int, above: Int) {
        var above = 0
        for bin in histogram.indices.reversed() {
            let next = above + Int(histogram[bin])
            if next >= count { return (bin, above) }
            above = next
        }
        return (0, above)
    }
}
