// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Learning
import ModelState
import Rounds

/// Hands out clients of a cohort one by one, the dearest first, each with a slot in which it is trained, and
/// adds up all changes, from any thread.
///
/// Ranks on one machine take clients from one list, so that none waits for a slower one; others have shares of about
/// equal cost. Each adds up its own run of the elements: it is sent that run of what others trained, and sends its sums
/// to all. So an element's terms are added in one place, in the order in which one rank adds them, whoever trained.
final class SlotWork: @unchecked Sendable {
    // Sendable: the members that change are used under the lock only or by one thread at a time; each slot has one
    // writer, then many readers, each stretch of the sum one writer.
    private let cohort: RoundCohort
    private let slots: UnsafeMutablePointer<Float>
    private let elementCount: Int
    private let ranks: any SimulationRanks
    /// The turn in which ranks take clients from one list; nil where each has its own share.
    private let turn: UInt32?
    /// The clients that this rank may take, the dearest first.
    private let order: [Int]
    /// The clients that this rank took, by their slots.
    private var taken: [Int] = []
    /// Those that the other ranks took, by theirs.
    private var takenByOthers: [Int: [Int]] = [:]
    /// Where each client's trained parameters begin, at the first element that this rank adds up.
    private var trained: [UnsafePointer<Float>?]
    private let sum: UnsafeMutableBufferPointer<Double>
    private let lock = Lock()
    private var nextStretch: Int
    private var outcomes: [Learning.TrainingOutcome?]
    private var failed = false
    /// Whether all that this rank added up is finite.
    private var sumIsFinite = true

    /// Elements that a thread adds up at a time: their sums, the start and a client's stay in the first-level cache.
    private static let stretch = 2_048

    /// The elements of `slots`: one for each client, and the sum in double precision.
    static func slotCount(_ cohort: RoundCohort, elementCount: Int) -> Int {
        (cohort.clients.count + 2) * elementCount
    }

    /// - Parameters:
    ///   - slots: room for ``slotCount(_:elementCount:)`` elements.
    ///   - turn: a number of this round's work alone, the same on all ranks, from 1 and ascending.
    init(
        _ cohort: RoundCohort,
        slots: UnsafeMutablePointer<Float>,
        elementCount: Int,
        ranks: any SimulationRanks,
        turn: UInt32
    ) {
        self.cohort = cohort
        self.slots = slots
        self.elementCount = elementCount
        self.ranks = ranks
        self.turn = ranks.sharesTickets ? turn : nil
        let costs = cohort.clients.map { cohort.data.sampleCount(of: $0) }
        let candidates =
            ranks.sharesTickets
            ? Array(costs.indices) : RankShare(costs: costs, ranks: ranks.count).pieces[ranks.rank]
        order = ClientTrainers.dearestFirst(candidates, costs)
        outcomes = Array(repeating: nil, count: costs.count)
        trained = Array(repeating: nil, count: costs.count)
        let end = UnsafeMutableRawPointer(slots + costs.count * elementCount)
        sum = UnsafeMutableBufferPointer(
            start: end.bindMemory(to: Double.self, capacity: elementCount),
            count: elementCount
        )
        nextStretch = elementCount * ranks.rank / ranks.count
    }

    /// The elements that a rank adds up.
    private func elements(of rank: Int) -> Range<Int> {
        (elementCount * rank / ranks.count)..<(elementCount * (rank + 1) / ranks.count)
    }

    /// Trains clients until none is left for this rank.
    func run(_ trainer: CohortTrainer, from base: ParameterVector) {
        do {
            try trainer.begin(parameters: base, specification: cohort.group.training)
            while let (client, place) = takeClient() {
                let slot = UnsafeMutableBufferPointer(start: slots + place * elementCount, count: elementCount)
                let outcome = try trainer.train(cohort.block(client..<(client + 1)), at: 0, in: slot)
                lock.withLock { outcomes[client] = outcome }
            }
        } catch {
            lock.withLock { failed = true }
        }
    }

    private func takeClient() -> (client: Int, place: Int)? {
        lock.withLock {
            let next = turn.map { ranks.takeTicket(turn: $0) } ?? taken.count
            guard next < order.count, !failed else { return nil }
            taken.append(order[next])
            return (order[next], taken.count - 1)
        }
    }

    /// Tells all ranks what this one's trainings came to, and fetches what it adds up of the others.
    ///
    /// - Returns: whether every client was trained, on whatever rank.
    func gather() throws -> Bool {
        let range = elements(of: ranks.rank)
        for (place, client) in taken.enumerated() {
            trained[client] = UnsafePointer(slots + place * elementCount + range.lowerBound)
        }
        guard ranks.count > 1 else { return !failed }
        var message = RankMessage()
        message.append(UInt64(failed ? 1 : 0))
        if !failed {
            for client in taken {
                guard let outcome = outcomes[client] else { preconditionFailure("what was taken is trained") }
                message.append(UInt64(client))
                message.append(outcome)
            }
        }
        for (rank, bytes) in try ranks.allGather(message.bytes).enumerated() where rank != ranks.rank {
            var reader = RankMessageReader(bytes)
            guard reader.read(UInt64.self) == 0 else {
                failed = true
                continue
            }
            while !reader.isAtEnd {
                let client = Int(reader.read(UInt64.self))
                takenByOthers[rank, default: []].append(client)
                outcomes[client] = reader.readOutcome()
            }
        }
        guard !failed else { return false }
        try exchangeChanges(range)
        return true
    }

    private func exchangeChanges(_ range: Range<Int>) throws {
        var sent: [RankRun] = []
        var received: [MutableRankRun] = []
        var free = slots + taken.count * elementCount
        for rank in 0..<ranks.count where rank != ranks.rank {
            let theirs = elements(of: rank)
            for place in taken.indices {
                let run = UnsafeBufferPointer(
                    start: slots + place * elementCount + theirs.lowerBound,
                    count: theirs.count
                )
                sent.append(RankRun(rank: rank, bytes: UnsafeRawBufferPointer(run)))
            }
            for client in takenByOthers[rank] ?? [] {
                let run = UnsafeMutableBufferPointer(start: free, count: range.count)
                received.append(MutableRankRun(rank: rank, bytes: UnsafeMutableRawBufferPointer(run)))
                trained[client] = UnsafePointer(free)
                free += range.count
            }
        }
        try ranks.exchange(sent, into: received)
    }

    /// Adds up the changes of this rank's elements, stretch by stretch, until none is left.
    ///
    /// - Parameter trainer: one that trained in this round.
    func addUp(_ trainer: CohortTrainer) {
        while let range = takeStretch() {
            let target = UnsafeMutableBufferPointer(rebasing: sum[range])
            let blocks = BlockFold.blockCount(updates: trained.count)
            guard blocks > 1 else {
                target.initialize(repeating: 0)
                add(0..<trained.count, range.lowerBound, to: target, trainer)
                check(UnsafeBufferPointer(target))
                continue
            }
            var fold = BlockFold(elementCount: range.count)
            for block in 0..<blocks {
                var sum = [Double](repeating: 0, count: range.count)
                sum.withUnsafeMutableBufferPointer {
                    add(BlockFold.updates(ofBlock: block, of: trained.count), range.lowerBound, to: $0, trainer)
                }
                fold.insert(sum, block: block)
            }
            _ = target.update(fromContentsOf: fold.total())
            check(UnsafeBufferPointer(target))
        }
    }

    private func check(_ sums: UnsafeBufferPointer<Double>) {
        if !Self.isFinite(sums) { lock.withLock { sumIsFinite = false } }
    }

    /// Whether all values are finite; a change that is not shows in every sum that it is added to.
    private static func isFinite(_ values: UnsafeBufferPointer<Double>) -> Bool {
        let infinity = Double.infinity.bitPattern
        var found: UInt64 = 0
        for value in values { found |= value.bitPattern & infinity == infinity ? 1 : 0 }
        return found == 0
    }

    private func add(
        _ clients: Range<Int>,
        _ first: Int,
        to sum: UnsafeMutableBufferPointer<Double>,
        _ trainer: CohortTrainer
    ) {
        let offset = first - elements(of: ranks.rank).lowerBound
        for client in clients {
            guard let parameters = trained[client] else {
                preconditionFailure("what was trained is gathered before it is added")
            }
            trainer.addChange(of: parameters + offset, from: first, times: cohort.coefficients[client], to: sum)
        }
    }

    private func takeStretch() -> Range<Int>? {
        let end = elements(of: ranks.rank).upperBound
        return lock.withLock {
            guard nextStretch < end else { return nil }
            defer { nextStretch += Self.stretch }
            return nextStretch..<min(nextStretch + Self.stretch, end)
        }
    }

    /// The sum of all changes in the model's layout and what each training came to, the same on all ranks; nil where a
    /// client came to something that is not finite.
    ///
    /// - Parameter trainer: one that trained in this round.
    func results(_ trainer: CohortTrainer) throws -> (sum: [Double], outcomes: [Learning.TrainingOutcome])? {
        var sent: [RankRun] = []
        var received: [MutableRankRun] = []
        for rank in 0..<ranks.count where rank != ranks.rank {
            let own = UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: sum[elements(of: ranks.rank)]))
            let theirs = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: sum[elements(of: rank)]))
            sent.append(RankRun(rank: rank, bytes: own))
            received.append(MutableRankRun(rank: rank, bytes: theirs))
        }
        if ranks.count > 1 { try ranks.exchange(sent, into: received) }
        for rank in 0..<ranks.count where rank != ranks.rank {
            check(UnsafeBufferPointer(UnsafeMutableBufferPointer(rebasing: sum[elements(of: rank)])))
        }
        guard sumIsFinite else { return nil }
        return (trainer.unpack(UnsafeBufferPointer(sum)), outcomes.compactMap { $0 })
    }
}
