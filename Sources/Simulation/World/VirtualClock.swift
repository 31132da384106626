// SPDX-License-Identifier: Apache-2.0

public import Rounds

/// Runs events in the order of their virtual times.
///
/// Events of the same time run in the order in which they were scheduled. Nothing
/// here waits: virtual time jumps from event to event, so that hours pass in milliseconds.
public final class VirtualClock {
    private struct Event {
        let time: Int64
        let sequence: UInt64
        let body: () -> Void

        func precedes(_ other: Event) -> Bool {
            time != other.time ? time < other.time : sequence < other.sequence
        }
    }

    /// A binary heap: the parent of index i is (i - 1) / 2.
    private var heap: [Event] = []
    private var lastSequence: UInt64 = 0
    /// The virtual time in nanoseconds.
    private(set) var nanoseconds: Int64 = 0

    /// Creates a clock that stands at its start.
    public init() {}

    /// The virtual time.
    public var now: Instant { Instant(.nanoseconds(nanoseconds)) }

    /// The events that are scheduled.
    public var pendingCount: Int { heap.count }

    /// Has `body` run after a time.
    public func schedule(after delay: Duration, _ body: @escaping () -> Void) {
        schedule(atNanoseconds: nanoseconds + max(delay.wholeNanoseconds, 0), body)
    }

    /// Has `body` run at a time, or now where that is past.
    public func schedule(at time: Instant, _ body: @escaping () -> Void) {
        schedule(atNanoseconds: max(time.sinceStart.wholeNanoseconds, nanoseconds), body)
    }

    private func schedule(atNanoseconds time: Int64, _ body: @escaping () -> Void) {
        lastSequence += 1
        heap.append(Event(time: time, sequence: lastSequence, body: body))
        var index = heap.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard heap[index].precedes(heap[parent]) else { break }
            heap.swapAt(index, parent)
            index = parent
        }
    }

    /// Runs the next event; gives false if there is none.
    public func runNext() -> Bool {
        guard let first = heap.first else { return false }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        nanoseconds = first.time
        first.body()
        return true
    }

    private func sink() {
        var index = 0
        while true {
            var smallest = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count {
                if heap[child].precedes(heap[smallest]) { smallest = child }
            }
            guard smallest != index else { return }
            heap.swapAt(index, smallest)
            index = smallest
        }
    }
}

extension Duration {
    /// The duration in nanoseconds, rounded up so that a timer never fires before its time.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + (attoseconds + 999_999_999) / 1_000_000_000
    }

    /// A duration of so many seconds, in whole nanoseconds.
    static func virtual(seconds: Double) -> Duration {
        .nanoseconds(Int64((seconds * 1e9).rounded()))
    }
}
