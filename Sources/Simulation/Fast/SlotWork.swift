// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Learning
import ModelState
import Rounds

/// Hands out this rank's clients of a cohort one by one, the dearest first, and adds up all changes, from any thread.
///
/// With several ranks each adds up its own run of the elements: it is sent that run of the changes that others trained,
/// and sends its sums to all. So an element's terms are added in one place, in the order in which one rank adds them.
final class SlotWork: @unchecked Sendable {
    // Sendable: the members that change are used under the lock only or by one thread at a time; each slot has one
    // writer, then many readers, each stretch of the sum one writer.
    private let cohort: RoundCohort
    private let slots: UnsafeMutablePointer<Float>
    private let elementCount: Int
    private let ranks: any SimulationRanks
    private let share: RankShare
    /// The places of this rank's clients among its slots.
    private let order: [Int]
    /// Where each client's change begins, at the first element that this rank adds up.
    private var changes: [UnsafePointer<Float>?]
    private let sum: UnsafeMutableBufferPointer<Double>
    private let lock = Lock()
    private var next = 0
    private var nextStretch: Int
    private var outcomes: [Learning.TrainingOutcome?]
    private var failed = false

    /// Elements that a thread adds up at a time.
    private static let stretch = 8_192

    /// The elements of `slots`.
    static func slotCount(_ cohort: RoundCohort, elementCount: Int) -> Int { cohort.clients.count * elementCount }

    /// - Parameter slots: room for ``slotCount(_:elementCount:)`` elements.
    init(
        _ cohort: RoundCohort,
        slots: UnsafeMutablePointer<Float>,
        elementCount: Int,
        ranks: any SimulationRanks
    ) {
        self.cohort = cohort
        self.slots = slots
        self.elementCount = elementCount
        self.ranks = ranks
        let costs = cohort.clients.map { cohort.data.sampleCount(of: $0) }
        share = RankShare(costs: costs, ranks: ranks.count)
        let own = share.pieces[ranks.rank]
        order = own.indices.sorted { (costs[own[$1]], $0) < (costs[own[$0]], $1) }
        outcomes = Array(repeating: nil, count: costs.count)
        changes = Array(repeating: nil, count: costs.count)
        sum = .allocate(capacity: elementCount)
        sum.initialize(repeating: 0)
        nextStretch = elementCount * ranks.rank / ranks.count
    }

    deinit { sum.deallocate() }

    private var own: [Int] { share.pieces[ranks.rank] }

    /// The elements that a rank adds up.
    private func elements(of rank: Int) -> Range<Int> {
        (elementCount * rank / ranks.count)..<(elementCount * (rank + 1) / ranks.count)
    }

    /// Trains clients until none of this rank's is left.
    func run(_ trainer: CohortTrainer, from base: ParameterVector) {
        do {
            try trainer.begin(parameters: base, specification: cohort.group.training)
            while let place = takeClient() {
                let client = own[place]
                let slot = UnsafeMutableBufferPointer(start: slots + place * elementCount, count: elementCount)
                let outcome = try trainer.train(cohort.block(client..<(client + 1)), at: 0, into: slot)
                lock.withLock { outcomes[client] = outcome }
            }
        } catch {
            lock.withLock { failed = true }
        }
    }

    private func takeClient() -> Int? {
        lock.withLock {
            guard next < order.count, !failed else { return nil }
            defer { next += 1 }
            return order[next]
        }
    }

    /// Tells all ranks what this one's trainings came to, and fetches what it adds up of the others' changes.
    ///
    /// - Returns: whether every client was trained, on whatever rank.
    func gather() throws -> Bool {
        let range = elements(of: ranks.rank)
        for (place, client) in own.enumerated() {
            changes[client] = UnsafePointer(slots + place * elementCount + range.lowerBound)
        }
        guard ranks.count > 1 else { return !failed }
        var message = RankMessage()
        message.append(UInt64(failed ? 1 : 0))
        if !failed { for client in own { outcomes[client].map { message.append($0) } } }
        for (rank, bytes) in try ranks.allGather(message.bytes).enumerated() where rank != ranks.rank {
            var reader = RankMessageReader(bytes)
            guard reader.read(UInt64.self) == 0 else {
                failed = true
                continue
            }
            for client in share.pieces[rank] { outcomes[client] = reader.readOutcome() }
        }
        guard !failed else { return false }
        try exchangeChanges(range)
        return true
    }

    private func exchangeChanges(_ range: Range<Int>) throws {
        var sent: [RankRun] = []
        var received: [MutableRankRun] = []
        var free = slots + own.count * elementCount
        for rank in 0..<ranks.count where rank != ranks.rank {
            let theirs = elements(of: rank)
            for place in own.indices {
                let run = UnsafeBufferPointer(
                    start: slots + place * elementCount + theirs.lowerBound,
                    count: theirs.count
                )
                sent.append(RankRun(rank: rank, bytes: UnsafeRawBufferPointer(run)))
            }
            for client in share.pieces[rank] {
                let run = UnsafeMutableBufferPointer(start: free, count: range.count)
                received.append(MutableRankRun(rank: rank, bytes: UnsafeMutableRawBufferPointer(run)))
                changes[client] = UnsafePointer(free)
                free += range.count
            }
        }
        try ranks.exchange(sent, into: received)
    }

    /// Adds up the changes of this rank's elements, stretch by stretch, until none is left.
    func addUp() {
        let first = elements(of: ranks.rank).lowerBound
        while let range = takeStretch() {
            let target = UnsafeMutableBufferPointer(rebasing: sum[range])
            let offset = range.lowerBound - first
            let blocks = BlockFold.blockCount(updates: changes.count)
            guard blocks > 1 else {
                add(0..<changes.count, offset, to: target)
                continue
            }
            var fold = BlockFold(elementCount: range.count)
            for block in 0..<blocks {
                var sum = [Double](repeating: 0, count: range.count)
                sum.withUnsafeMutableBufferPointer {
                    add(BlockFold.updates(ofBlock: block, of: changes.count), offset, to: $0)
                }
                fold.insert(sum, block: block)
            }
            _ = target.update(fromContentsOf: fold.total())
        }
    }

    private func add(_ clients: Range<Int>, _ offset: Int, to sum: UnsafeMutableBufferPointer<Double>) {
        for client in clients {
            guard let change = changes[client] else {
                preconditionFailure("changes are gathered before they are added")
            }
            let run = UnsafeBufferPointer(start: change + offset, count: sum.count)
            VectorKernels.accumulate(run, weight: cohort.coefficients[client], into: sum)
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

    /// The sum of all changes and what each training came to, the same on all ranks.
    func results() throws -> (sum: [Double], outcomes: [Learning.TrainingOutcome]) {
        var sent: [RankRun] = []
        var received: [MutableRankRun] = []
        for rank in 0..<ranks.count where rank != ranks.rank {
            let own = UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: sum[elements(of: ranks.rank)]))
            let theirs = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: sum[elements(of: rank)]))
            sent.append(RankRun(rank: rank, bytes: own))
            received.append(MutableRankRun(rank: rank, bytes: theirs))
        }
        if ranks.count > 1 { try ranks.exchange(sent, into: received) }
        return (Array(sum), outcomes.compactMap { $0 })
    }
}
