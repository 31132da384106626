// SPDX-License-Identifier: Apache-2.0

/// Watches the idle and progress deadlines of a loop's connections.
///
/// Traffic only stores a time; one timer per loop looks at all connections that have a deadline, eight times within the
/// shortest of them and at most once a second. A deadline is thus noticed up to an eighth, or a second, late.
final class DeadlineSweep {
    private static let looksPerDeadline: UInt64 = 8
    private static let intervalMilliseconds: ClosedRange<UInt64> = 5...1000

    private unowned let loop: EventLoop
    private var connections: [TCPConnection] = []
    private var timer: LoopTimer?
    private var interval = DeadlineSweep.intervalMilliseconds.upperBound

    init(loop: EventLoop) {
        self.loop = loop
    }

    func add(_ connection: TCPConnection) {
        guard !loop.isStopping else { return }
        connection.deadlineIndex = connections.count
        connections.append(connection)
        var shortest = UInt64.max
        if connection.idleMilliseconds > 0 { shortest = connection.idleMilliseconds }
        if connection.progressMilliseconds > 0 { shortest = min(shortest, connection.progressMilliseconds) }
        let bounds = Self.intervalMilliseconds
        let wanted = min(max(shortest / Self.looksPerDeadline, bounds.lowerBound), bounds.upperBound)
        if connections.count == 1 || wanted < interval {
            interval = wanted
            arm()
        }
    }

    func remove(_ connection: TCPConnection) {
        guard let index = connection.deadlineIndex else { return }
        connection.deadlineIndex = nil
        let last = connections.removeLast()
        if last !== connection {
            connections[index] = last
            last.deadlineIndex = index
        }
        if connections.isEmpty { timer?.disarm() }
    }

    /// Lets go of the timer, which keeps the loop alive.
    func stop() {
        timer?.cancel()
        timer = nil
    }

    private func arm() {
        if timer == nil { timer = loop.makeTimer { [unowned self] in look() } }
        timer?.arm(after: .milliseconds(interval))
    }

    private func look() {
        let now = loop.milliseconds
        // Downwards, because a connection that ends is replaced by the last one, which has been looked at.
        var index = connections.count - 1
        while index >= 0 {
            if index < connections.count { connections[index].checkDeadlines(now) }
            index -= 1
        }
        if !connections.isEmpty { arm() }
    }
}

extension TCPConnection {
    /// Closes the connection if one of its deadlines has passed.
    func checkDeadlines(_ now: UInt64) {
        let queued = queuedBytes
        let written = submittedBytes - UInt64(queued)
        if queued == 0 || written != progressMark {
            // A large write is taken piece by piece without a callback, so its progress shows only here.
            if written != progressMark, queued > 0 { lastActivity = now }
            progressMark = written
            lastProgress = now
        } else if progressMilliseconds > 0, now >= lastProgress + progressMilliseconds {
            return finish(.progressDeadline(.milliseconds(progressMilliseconds)), resets: true)
        }
        if isReadingPaused || idleMilliseconds == 0 { return }
        if now >= lastActivity + idleMilliseconds {
            finish(.idleDeadline(.milliseconds(idleMilliseconds)), resets: true)
        }
    }
}
