// SPDX-License-Identifier: Apache-2.0

/// Keeps the aggregate of some coordinates while an optimizer works on all, and puts it back into the change.
final class KeptAggregate {
    private let ranges: [Range<Int>]
    private var values: [[Double]]

    init(_ ranges: [Range<Int>]) {
        self.ranges = ranges
        values = ranges.map { [Double](repeating: 0, count: $0.count) }
    }

    /// Takes a block of the aggregate.
    func keep(_ start: Int, _ block: UnsafeBufferPointer<Double>) {
        let all = start..<(start + block.count)
        for (index, range) in ranges.enumerated() where range.overlaps(all) {
            for position in range.clamped(to: all) {
                values[index][position - range.lowerBound] = block[position - start]
            }
        }
    }

    /// Passes a block of the change on, with what was kept in its place.
    func restore(_ start: Int, _ block: UnsafeBufferPointer<Double>, _ sink: AggregateSink) throws {
        let all = start..<(start + block.count)
        guard ranges.contains(where: { $0.overlaps(all) }) else { return try sink(start, block) }
        var mixed = Array(block)
        for (index, range) in ranges.enumerated() where range.overlaps(all) {
            for position in range.clamped(to: all) {
                mixed[position - start] = values[index][position - range.lowerBound]
            }
        }
        try mixed.withUnsafeBufferPointer { try sink(start, $0) }
    }
}
