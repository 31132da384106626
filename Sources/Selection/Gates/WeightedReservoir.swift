// SPDX-License-Identifier: Apache-2.0

import Glibc
public import Randomness

/// Keeps `capacity` samples of a stream without replacement, each draw in proportion to the weights (A-ExpJ;
/// Efraimidis, Spirakis 2006).
///
/// A sample of weight w has the key `r^(1/w)` for a uniform r, and the largest keys stay; instead of drawing a key for
/// every sample, the weight that the stream may pass before the next change is drawn. Keys are kept as logarithms:
/// `log(r) / w` does not vanish for small weights. With equal weights it is the uniform reservoir.
public struct WeightedReservoir<Element: Sendable>: Sendable {
    /// The samples kept at most.
    public let capacity: Int
    /// The samples that were offered with a weight that counts.
    public private(set) var offeredCount = 0
    private var generator: SeededGenerator
    /// A heap with the smallest key first.
    private var heap: [(key: Double, element: Element)] = []
    /// The weight that passes before the next change.
    private var skip = 0.0

    /// Creates an empty reservoir.
    ///
    /// - Precondition: a capacity of 0 or more.
    public init(capacity: Int, seed: Seed) {
        precondition(capacity >= 0, "a reservoir's capacity is 0 or more")
        self.capacity = capacity
        generator = SeededGenerator(seed: seed.deriving("reservoir"))
        heap.reserveCapacity(min(capacity, 1 << 16))
    }

    /// The samples that are kept, in no particular order.
    public var elements: [Element] { heap.map(\.element) }

    /// Offers a sample.
    ///
    /// - Returns: whether it is kept for now. A weight that is not positive and finite is never kept nor counted.
    @discardableResult
    public mutating func offer(_ element: Element, weight: Double) -> Bool {
        guard capacity > 0, weight > 0, weight.isFinite else { return false }
        offeredCount += 1
        if heap.count < capacity {
            heap.append((Glibc.log(1 - generator.uniform()) / weight, element))
            siftUp(heap.count - 1)
            if heap.count == capacity { drawSkip() }
            return true
        }
        skip -= weight
        guard skip <= 0 else { return false }
        // The key, given that it is larger than the smallest one T: r uniform on T^w ... 1.
        let floor = Glibc.exp(heap[0].key * weight)
        let draw = floor + (1 - floor) * (1 - generator.uniform())
        heap[0] = (min(Glibc.log(draw) / weight, 0), element)
        siftDown(0)
        drawSkip()
        return true
    }

    /// Draws `log(r) / log(T)`: the stream's weight up to the next key above the smallest, T.
    private mutating func drawSkip() {
        let draw = Glibc.log(1 - generator.uniform())
        skip = heap[0].key < 0 ? draw / heap[0].key : .infinity
    }

    private mutating func siftUp(_ start: Int) {
        var index = start
        while index > 0, heap[index].key < heap[(index - 1) / 2].key {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private mutating func siftDown(_ start: Int) {
        var index = start
        while true {
            var smallest = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < heap.count && heap[child].key < heap[smallest].key {
                smallest = child
            }
            guard smallest != index else { return }
            heap.swapAt(index, smallest)
            index = smallest
        }
    }
}
