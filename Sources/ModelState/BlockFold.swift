// SPDX-License-Identifier: Apache-2.0

/// The order in which the terms of a weighted mean of updates are added, so that they can be added in many places.
///
/// The updates, in the order of their keys, are cut in blocks of 64. Each block is summed in that order in double
/// precision; block sums are added in pairs, and the sums of pairs in pairs again:
///
///     block(j)   = c_(64 j) * update_(64 j) + ... + c_(64 j + 63) * update_(64 j + 63)        from left to right
///     node(0, j) = block(j);   node(k, j) = node(k - 1, 2 j) + node(k - 1, 2 j + 1)
///
/// What has no sibling at the end is added from the last to the first: with seven blocks, `(0..3) + ((4, 5) + 6)`. The
/// result has the same bits whatever thread or process sums which block and in whatever order blocks are inserted; up
/// to 64 updates are one block, summed from left to right. The coordinator's streaming rules add in the same order.
public struct BlockFold: Sendable {
    /// The updates of a block; the last block of a round may have fewer.
    public static let updatesPerBlock = 64

    /// A finished sum over the blocks `index << level ..< (index + 1) << level`.
    public struct Node: Sendable {
        /// The sum covers `1 << level` blocks.
        public let level: Int
        /// Its place among the nodes of its level.
        public let index: Int
        /// The sum.
        public let sum: [Double]

        /// Creates a node, as it came from another process.
        public init(level: Int, index: Int, sum: [Double]) {
            precondition(level >= 0 && level < 58 && index >= 0, "a node covers a block or a power of two of them")
            self.level = level
            self.index = index
            self.sum = sum
        }
    }

    private struct Place: Hashable {
        let level: Int
        let index: Int
    }

    /// The number of elements of every sum.
    public let elementCount: Int
    private var waiting: [Place: [Double]] = [:]

    /// Creates a fold without any blocks.
    public init(elementCount: Int) {
        self.elementCount = elementCount
    }

    /// The number of blocks that `updateCount` updates make.
    public static func blockCount(updates updateCount: Int) -> Int {
        (updateCount + updatesPerBlock - 1) / updatesPerBlock
    }

    /// The positions of a block's updates.
    public static func updates(ofBlock block: Int, of updateCount: Int) -> Range<Int> {
        let start = block * updatesPerBlock
        precondition(block >= 0 && start < updateCount, "there are no updates in this block")
        return start..<min(start + updatesPerBlock, updateCount)
    }

    /// The sums that wait for their siblings, in order: what one process sends to another that goes on.
    public var nodes: [Node] {
        waiting.map { Node(level: $0.key.level, index: $0.key.index, sum: $0.value) }
            .sorted { ($0.index << $0.level) < ($1.index << $1.level) }
    }

    /// Takes in the sum of a block.
    ///
    /// - Precondition: the sum has ``elementCount`` elements; the block was not inserted before.
    public mutating func insert(_ sum: consuming [Double], block: Int) {
        insert(Node(level: 0, index: block, sum: sum))
    }

    /// Takes in the sum of several blocks that another fold has made.
    ///
    /// - Precondition: the sum has ``elementCount`` elements; none of its blocks was inserted before.
    public mutating func insert(_ node: Node) {
        precondition(node.sum.count == elementCount, "all sums of a fold have as many elements")
        var (level, index, sum) = (node.level, node.index, node.sum)
        while let sibling = waiting.removeValue(forKey: Place(level: level, index: index ^ 1)) {
            sum = index & 1 == 0 ? Self.added(sum, sibling) : Self.added(sibling, sum)
            level += 1
            index >>= 1
        }
        let previous = waiting.updateValue(sum, forKey: Place(level: level, index: index))
        precondition(previous == nil, "a block is inserted once")
    }

    /// The sum over all blocks.
    ///
    /// - Precondition: blocks 0 to some last one were inserted, none left out; at least one.
    public func total() -> [Double] {
        var next = 0
        let all = nodes
        for node in all {
            precondition(node.index << node.level == next, "block \(next) is missing from the fold")
            next += 1 << node.level
        }
        guard var total = all.last?.sum else { preconditionFailure("a fold without blocks has no sum") }
        for node in all.dropLast().reversed() { total = Self.added(node.sum, total) }
        return total
    }

    private static func added(_ left: consuming [Double], _ right: borrowing [Double]) -> [Double] {
        for index in left.indices { left[index] += right[index] }
        return left
    }
}
