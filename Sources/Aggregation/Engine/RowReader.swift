// SPDX-License-Identifier: Apache-2.0

import ModelState
import UpdateCoding

/// Reads the same coordinates of several updates, for a pass over all coordinates.
///
/// Each worker has its own scratch. A set without random access is decoded forward, so its blocks must be read in order
/// and one at a time: ``isSequential``.
final class RowReader {
    private enum Source {
        case random(any RandomAccessUpdateSet)
        case sequential([any UpdateDecoder])
    }

    /// The rows of a block: the updates in their order, then the extra vectors.
    typealias Rows = UnsafeBufferPointer<UnsafePointer<Float>?>

    let rowCount: Int
    private let updates: any UpdateSet
    private let indices: [Int]
    private let extras: [UnsafePointer<Float>]
    private let source: Source
    private let blockCapacity: Int
    private let scratch: AlignedBuffer<Float>
    private let pointers: UnsafeMutableBufferPointer<UnsafePointer<Float>?>

    /// Begins a pass.
    ///
    /// - Parameters:
    ///   - updates: the set.
    ///   - indices: the updates to read; all when left out.
    ///   - extras: further vectors with the set's layout, which outlive the reader.
    ///   - plan: the blocks that will be read.
    ///   - workerCount: the threads that will read.
    init(
        _ updates: any UpdateSet,
        indices: [Int]? = nil,
        extras: [UnsafePointer<Float>] = [],
        plan: BlockPlan,
        workerCount: Int
    ) throws {
        let indices = indices ?? Array(0..<updates.count)
        self.updates = updates
        self.indices = indices
        self.extras = extras
        if let random = updates as? any RandomAccessUpdateSet {
            source = .random(random)
        } else {
            source = .sequential(try indices.map { try updates.makeDecoder(at: $0) })
        }
        rowCount = indices.count + extras.count
        // A whole number of cache lines, so that every row begins at one.
        blockCapacity = (plan.maximumBlockElements + 15) / 16 * 16
        scratch = AlignedBuffer(count: indices.count * blockCapacity * workerCount)
        pointers = .allocate(capacity: rowCount * workerCount)
        pointers.initialize(repeating: nil)
    }

    deinit {
        pointers.deallocate()
    }

    /// Whether blocks must be read in order, one at a time.
    var isSequential: Bool {
        if case .sequential = source { true } else { false }
    }

    /// The rows that this worker read last.
    func rows(worker: Int) -> Rows {
        Rows(rebasing: pointers[(worker * rowCount)..<((worker + 1) * rowCount)])
    }

    /// Reads the coordinates `range` of all rows into the worker's memory.
    func read(_ range: Range<Int>, worker: Int) throws {
        for (row, index) in indices.enumerated() {
            let start = (worker * indices.count + row) * blockCapacity
            let room = scratch.slice(start, range.count)
            switch source {
            case .random(let set):
                let values = try set.coordinates(range, at: index, scratch: room)
                precondition(values.count == range.count, "a set returned fewer coordinates than it was asked for")
                pointers[worker * rowCount + row] = values.baseAddress
            case .sequential(let decoders):
                try decoders[row].decode(into: room)
                pointers[worker * rowCount + row] = UnsafePointer(room.baseAddress)
            }
        }
        for (position, extra) in extras.enumerated() {
            pointers[worker * rowCount + indices.count + position] = extra + range.lowerBound
        }
    }

    /// Checks after the last block that every coded update ends there.
    func finish() throws {
        guard case .sequential(let decoders) = source else { return }
        for decoder in decoders { try decoder.finish() }
    }
}
