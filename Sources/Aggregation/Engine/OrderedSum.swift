// SPDX-License-Identifier: Apache-2.0

import ModelState

/// Adds weighted rows, one at a time, in the order that ``ModelState/BlockFold`` defines.
///
/// Keeps one sum for each power of two of blocks that waits for its sibling.
struct OrderedSum {
    private struct Partial {
        var level: Int
        let values: UnsafeMutableBufferPointer<Double>
        let owner: AlignedBuffer<Double>
    }

    private let capacity: Int
    private var count = 0
    private var rowCount = 0
    private var partials: [Partial] = []
    private var spares: [AlignedBuffer<Double>] = []

    /// - Parameter capacity: the most elements of a row.
    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Begins a new sum of rows with `count` elements.
    mutating func begin(count: Int) {
        precondition(count <= capacity, "a row is longer than the sum has room for")
        spares += partials.map(\.owner)
        partials.removeAll(keepingCapacity: true)
        self.count = count
        rowCount = 0
        openBlock()
    }

    /// Adds `weight * row`.
    mutating func add(_ row: UnsafeBufferPointer<Float>, weight: Double) {
        if rowCount == BlockFold.updatesPerBlock {
            joinSiblings()
            openBlock()
            rowCount = 0
        }
        VectorKernels.accumulate(row, weight: weight, into: partials[partials.count - 1].values)
        rowCount += 1
    }

    /// The sum of all rows since ``begin(count:)``, valid until the next call.
    mutating func total() -> UnsafeBufferPointer<Double> {
        while partials.count > 1 { join() }
        return UnsafeBufferPointer(partials[0].values)
    }

    private mutating func openBlock() {
        let owner = spares.popLast() ?? AlignedBuffer<Double>(count: capacity)
        let values = owner.slice(0, count)
        values.initialize(repeating: 0)
        partials.append(Partial(level: 0, values: values, owner: owner))
    }

    private mutating func joinSiblings() {
        while partials.count > 1, partials[partials.count - 1].level == partials[partials.count - 2].level { join() }
    }

    /// Adds the last partial sum to the one before.
    private mutating func join() {
        let last = partials.removeLast()
        let target = partials[partials.count - 1].values
        for index in 0..<count { target[index] += last.values[index] }
        partials[partials.count - 1].level += 1
        spares.append(last.owner)
    }
}
