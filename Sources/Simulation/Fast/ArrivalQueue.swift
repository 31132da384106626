// SPDX-License-Identifier: Apache-2.0

import Rounds

/// The updates that are on their way in virtual time: the earliest first, those of one time in the order of their keys.
struct ArrivalQueue {
    /// What arrives: an update, or the news that there will be none.
    struct Arrival {
        var time: Instant
        var key: UpdateKey
        var result: Result<ClientUpdate, ClientFailure>
    }

    private var heap: [Arrival] = []

    var isEmpty: Bool { heap.isEmpty }
    var nextTime: Instant? { heap.first?.time }

    private func precedes(_ left: Arrival, _ right: Arrival) -> Bool {
        left.time != right.time ? left.time < right.time : left.key < right.key
    }

    mutating func insert(_ arrival: Arrival) {
        heap.append(arrival)
        var child = heap.count - 1
        while child > 0, precedes(heap[child], heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeFirst() -> Arrival? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && precedes(heap[child], heap[least])
            {
                least = child
            }
            if least == parent { return first }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
