// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Simulation

/// Ranks that are threads of this process.
final class ThreadRanks: SimulationRanks, @unchecked Sendable {
    // Sendable: `rank` never changes; what the ranks share is under the meeting's lock.

    /// Where all ranks meet.
    final class Meeting: @unchecked Sendable {
        // Sendable: everything is used under the condition's lock.
        let condition = NSCondition()
        let count: Int
        var brought: [Int: [UInt8]] = [:]
        var taken: [[UInt8]] = []
        var turn = 0
        /// Whether the ranks take work from one list, and how many tickets of each turn were taken.
        let sharesTickets: Bool
        var tickets: [UInt32: Int] = [:]

        init(count: Int, sharesTickets: Bool = false) {
            self.count = count
            self.sharesTickets = sharesTickets
        }
    }

    var sharesTickets: Bool { meeting.sharesTickets }

    func takeTicket(turn: UInt32) -> Int {
        meeting.condition.lock()
        defer { meeting.condition.unlock() }
        defer { meeting.tickets[turn, default: 0] += 1 }
        return meeting.tickets[turn] ?? 0
    }

    let rank: Int
    let meeting: Meeting
    var count: Int { meeting.count }
    private(set) var sentBytes = 0

    init(rank: Int, meeting: Meeting) {
        self.rank = rank
        self.meeting = meeting
    }

    func allGather(_ bytes: [UInt8]) -> [[UInt8]] {
        sentBytes += bytes.count
        let meeting = meeting
        meeting.condition.lock()
        defer { meeting.condition.unlock() }
        let turn = meeting.turn
        meeting.brought[rank] = bytes
        if meeting.brought.count == meeting.count {
            meeting.taken = (0..<meeting.count).map { meeting.brought[$0] ?? [] }
            meeting.brought = [:]
            meeting.turn += 1
            meeting.condition.broadcast()
        }
        while meeting.turn == turn { meeting.condition.wait() }
        return meeting.taken
    }

    /// Runs a body as each of some ranks.
    static func run<Value: Sendable>(
        _ count: Int,
        sharesTickets: Bool = false,
        _ body: @escaping @Sendable (ThreadRanks) throws -> Value
    ) throws -> [Value] {
        let meeting = Meeting(count: count, sharesTickets: sharesTickets)
        let results = Results<Value>(count)
        // Threads of their own: ranks wait for one another, which a pool of few threads could not bear.
        let finished = DispatchGroup()
        for rank in 0..<count {
            finished.enter()
            Thread {
                let ranks = ThreadRanks(rank: rank, meeting: meeting)
                results.set(rank, Result { try body(ranks) })
                finished.leave()
            }.start()
        }
        finished.wait()
        return try results.all.map { try #require($0).get() }
    }

    private final class Results<Value: Sendable>: @unchecked Sendable {
        // Sendable: used under the lock.
        private let lock = NSLock()
        private var values: [Result<Value, any Error>?]

        init(_ count: Int) {
            values = Array(repeating: nil, count: count)
        }

        func set(_ index: Int, _ value: Result<Value, any Error>) { lock.withLock { values[index] = value } }

        var all: [Result<Value, any Error>?] { lock.withLock { values } }
    }
}
