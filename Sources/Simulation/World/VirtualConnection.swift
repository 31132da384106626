// SPDX-License-Identifier: Apache-2.0

import Rounds

/// One virtual TCP connection: two pipes that keep the order of what is sent.
final class VirtualConnection {
    enum Direction: Int, CaseIterable {
        case up
        case down

        var opposite: Direction { self == .up ? .down : .up }
    }

    /// A message under way, or (nil) the end of the stream.
    struct Parcel {
        let frame: VirtualFrame?
        let arrival: Instant
    }

    /// What is under way in one direction.
    struct Pipe {
        var parcels: [Parcel] = []
        var head = 0
        /// When the link has taken in what was sent so far.
        var busyUntil = Instant.start
        var lastArrival = Instant.start
        var backlogBytes = 0
        /// Counts scheduled deliveries, so that one that was replaced does nothing.
        var token: UInt64 = 0
        /// Whether the receiving end still listens.
        var isOpen = true

        var first: Parcel? { head < parcels.count ? parcels[head] : nil }

        mutating func removeFirst() {
            head += 1
            if head > 32, head * 2 > parcels.count {
                parcels.removeFirst(head)
                head = 0
            }
        }

        mutating func clear() {
            parcels = []
            head = 0
            backlogBytes = 0
            token += 1
        }
    }

    let id: ConnectionID
    let link: Int
    weak var dialer: (any VirtualDialer)?
    var pipes = [Pipe(), Pipe()]

    init(id: ConnectionID, link: Int, dialer: any VirtualDialer) {
        self.id = id
        self.link = link
        self.dialer = dialer
    }
}

/// The end of a connection that called.
protocol VirtualDialer: AnyObject {
    func connected(_ connection: ConnectionID)
    func connectFailed(_ attempt: UInt64, _ why: String)
    func received(_ frame: VirtualFrame, on connection: ConnectionID)
    func closed(_ connection: ConnectionID, _ why: String)
    /// Less is under way than before: more may be sent.
    func drained(_ connection: ConnectionID)
}

/// The end of a connection that was called.
protocol VirtualListener: AnyObject {
    func opened(_ connection: ConnectionID, peer: String)
    func received(_ frame: VirtualFrame, on connection: ConnectionID)
    func closed(_ connection: ConnectionID, _ why: String)
    /// Less is under way than before: more may be sent.
    func drained(_ connection: ConnectionID)
}
