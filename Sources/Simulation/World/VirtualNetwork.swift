// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds

/// Carries messages between agents and a coordinator as TCP does.
///
/// On each connection they arrive in order, or not at all once it broke.
final class VirtualNetwork {
    typealias Direction = VirtualConnection.Direction

    private struct Link {
        var profile: LinkProfile
        /// Until when nothing gets through, up and down.
        var blockedUntil = [Instant.start, Instant.start]
    }

    private let clock: VirtualClock
    private let log: EventLog
    private var generator: SeededGenerator
    private var links: [Link] = []
    private var connections: [UInt64: VirtualConnection] = [:]
    private var lastConnection: UInt64 = 0
    private var lastAttempt: UInt64 = 0
    private var abandonedAttempts: Set<UInt64> = []
    weak var listener: (any VirtualListener)?
    /// Whether somebody answers at the coordinator's address.
    var isListening = false
    /// The bytes that arrived, up and down.
    private(set) var deliveredBytes: [UInt64] = [0, 0]

    init(clock: VirtualClock, log: EventLog, seed: Seed) {
        self.clock = clock
        self.log = log
        generator = SeededGenerator(seed: seed)
    }

    /// Lays a line; gives its number.
    func addLink(_ profile: LinkProfile) -> Int {
        links.append(Link(profile: profile))
        return links.count - 1
    }

    var linkCount: Int { links.count }

    // MARK: - Connecting

    /// Calls the coordinator; the dialer is told what became of it, or hears nothing while the line is blocked.
    func dial(_ dialer: any VirtualDialer, link: Int) -> UInt64 {
        lastAttempt += 1
        let attempt = lastAttempt
        let there = delay(link)
        let back = delay(link)
        clock.schedule(after: there) { [weak self, weak dialer] in
            guard let self, let dialer, abandonedAttempts.remove(attempt) == nil else { return }
            // A call into a blocked line is lost, as the first packet of a connection is.
            guard !isBlocked(link, .up), !isBlocked(link, .down) else { return }
            guard isListening, let listener else {
                return clock.schedule(after: back) { dialer.connectFailed(attempt, "connection refused") }
            }
            lastConnection += 1
            let connection = VirtualConnection(id: ConnectionID(lastConnection), link: link, dialer: dialer)
            connections[lastConnection] = connection
            log.add(1, 1, lastConnection, UInt64(link))
            listener.opened(connection.id, peer: "link-\(link)")
            clock.schedule(after: back) { [weak self] in
                guard let self, connections[connection.id.value] != nil else { return }
                guard abandonedAttempts.remove(attempt) == nil else { return close(connection.id, from: .up) }
                dialer.connected(connection.id)
            }
        }
        return attempt
    }

    /// The dialer does not wait for this call any more.
    func abandon(_ attempt: UInt64) {
        abandonedAttempts.insert(attempt)
    }

    // MARK: - Sending

    /// Sends a frame; it is lost if the connection is gone.
    func send(_ frame: VirtualFrame, on id: ConnectionID, _ direction: Direction) {
        enqueue(frame, on: id, direction)
    }

    /// The bytes that were sent and have not arrived.
    func backlog(of id: ConnectionID, _ direction: Direction) -> Int {
        connections[id.value]?.pipes[direction.rawValue].backlogBytes ?? 0
    }

    private func enqueue(_ frame: VirtualFrame?, on id: ConnectionID, _ direction: Direction) {
        guard let connection = connections[id.value] else { return }
        let profile = links[connection.link].profile
        let size = frame?.byteCount ?? 0
        let arrivalDelay = delay(connection.link)
        let index = direction.rawValue
        connection.pipes[index].busyUntil = max(clock.now, connection.pipes[index].busyUntil)
            .advanced(by: .virtual(seconds: Double(size) / profile.bytesPerSecond))
        let arrival = max(
            connection.pipes[index].lastArrival,
            connection.pipes[index].busyUntil.advanced(by: arrivalDelay)
        )
        connection.pipes[index].lastArrival = arrival
        connection.pipes[index].backlogBytes += size
        let isFirst = connection.pipes[index].first == nil
        connection.pipes[index].parcels.append(VirtualConnection.Parcel(frame: frame, arrival: arrival))
        if isFirst { scheduleDelivery(connection, direction) }
    }

    private func scheduleDelivery(_ connection: VirtualConnection, _ direction: Direction) {
        let index = direction.rawValue
        guard let first = connection.pipes[index].first else { return }
        connection.pipes[index].token += 1
        let token = connection.pipes[index].token
        let time = max(first.arrival, links[connection.link].blockedUntil[index])
        clock.schedule(at: time) { [weak self] in
            guard let self, connection.pipes[index].token == token else { return }
            deliver(connection, direction)
        }
    }

    private func deliver(_ connection: VirtualConnection, _ direction: Direction) {
        let index = direction.rawValue
        guard connections[connection.id.value] === connection, let parcel = connection.pipes[index].first else {
            return
        }
        guard !isBlocked(connection.link, direction) else { return scheduleDelivery(connection, direction) }
        connection.pipes[index].removeFirst()
        let isOpen = connection.pipes[index].isOpen
        guard let frame = parcel.frame else {
            // The other end closed after its last message.
            connections[connection.id.value] = nil
            log.add(1, 2, connection.id.value, UInt64(index))
            if isOpen { tellClosed(connection, direction, "closed by the peer") }
            return
        }
        connection.pipes[index].backlogBytes -= frame.byteCount
        deliveredBytes[index] += UInt64(frame.byteCount)
        scheduleDelivery(connection, direction)
        if isOpen {
            switch direction {
            case .up: listener?.received(frame, on: connection.id)
            case .down: connection.dialer?.received(frame, on: connection.id)
            }
        }
        switch direction {
        case .up: connection.dialer?.drained(connection.id)
        case .down: listener?.drained(connection.id)
        }
    }

    private func tellClosed(_ connection: VirtualConnection, _ direction: Direction, _ why: String) {
        switch direction {
        case .up: listener?.closed(connection.id, why)
        case .down: connection.dialer?.closed(connection.id, why)
        }
    }

    // MARK: - Ending

    /// One end closes: what it sent before still arrives, then the other end hears of it.
    ///
    /// The closing end hears nothing more.
    func close(_ id: ConnectionID, from sender: Direction) {
        guard let connection = connections[id.value] else { return }
        connection.pipes[sender.opposite.rawValue].isOpen = false
        enqueue(nil, on: id, sender)
    }

    /// The connection breaks: what is under way is lost.
    ///
    /// Unless it breaks silently, both ends hear of it a little later.
    func sever(_ id: ConnectionID, silently: Bool = false) {
        guard let connection = connections.removeValue(forKey: id.value) else { return }
        log.add(1, 3, id.value, silently ? 1 : 0)
        for direction in Direction.allCases {
            connection.pipes[direction.rawValue].clear()
            guard !silently, connection.pipes[direction.rawValue].isOpen else { continue }
            clock.schedule(after: delay(connection.link)) { [weak self] in
                self?.tellClosed(connection, direction, "connection reset")
            }
        }
    }

    /// Breaks every connection, as the end of the coordinator's process does.
    func severAll(silently: Bool) {
        for id in connections.keys.sorted() { sever(ConnectionID(id), silently: silently) }
    }

    /// Breaks the connections over a line, as the end of the dialer's process does.
    func severAll(link: Int, silently: Bool = false) {
        for id in connections.keys.sorted() where connections[id]?.link == link {
            sever(ConnectionID(id), silently: silently)
        }
    }

    /// A connection over this line, if there is one: the newest.
    func connection(over link: Int) -> ConnectionID? {
        connections.filter { $0.value.link == link }.keys.max().map { ConnectionID($0) }
    }

    // MARK: - Faults of the lines

    /// Lets nothing through in one direction until a time.
    func block(_ link: Int, _ direction: Direction, until: Instant) {
        links[link].blockedUntil[direction.rawValue] = max(links[link].blockedUntil[direction.rawValue], until)
    }

    /// Lets everything through again, on all lines.
    func unblockAll() {
        for link in links.indices { links[link].blockedUntil = [clock.now, clock.now] }
        for id in connections.keys.sorted() {
            guard let connection = connections[id] else { continue }
            for direction in Direction.allCases { scheduleDelivery(connection, direction) }
        }
    }

    private func isBlocked(_ link: Int, _ direction: Direction) -> Bool {
        links[link].blockedUntil[direction.rawValue] > clock.now
    }

    private func delay(_ link: Int) -> Duration {
        let profile = links[link].profile
        guard profile.jitter > .zero else { return profile.latency }
        return profile.latency + .nanoseconds(Int64(generator.uniform() * Double(profile.jitter.wholeNanoseconds)))
    }
}
