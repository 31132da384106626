// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Learning
import ModelState
import RoundWork
import Rounds

extension ClientTrainers {
    /// A round whose updates were added up.
    struct TrainedCohort {
        /// The updates' sum, each times its coefficient.
        let sum: [Double]
        /// What each client's training came to.
        let outcomes: [Learning.TrainingOutcome]
        /// The time that a client took on average.
        let meanTime: Duration
    }

    /// Whether the tasks are such that clients trained together and one by one give the same.
    func canTrainTogether(_ group: TaskGroup) -> Bool {
        let settings = group.training.settings.keys.filter { $0 != "proximal_mu" }
        return !cohortTrainers.isEmpty && group.training.trainer == "sgd" && settings.isEmpty
    }

    /// Trains a round's clients; nil where one of them fails, which is to be found out one by one.
    ///
    /// Threads take whole blocks of clients of a small model, if that keeps all of them busy; otherwise single clients,
    /// whose changes wait to be added up. Ranks take their share of the blocks or of the clients and exchange sums; all
    /// come to the same.
    ///
    /// - Throws: ``SimulationError`` with code `ranksFailed`.
    func train(
        _ cohort: RoundCohort,
        from base: ParameterVector,
        ranks: any SimulationRanks
    ) throws -> TrainedCohort? {
        let trainers = CohortTrainerBox(cohortTrainers)
        let (count, elementCount) = (cohort.clients.count, trainers.all[0].sumCount)
        let begin = ContinuousClock().now
        let blocks = BlockFold.blockCount(updates: count)
        var result: (sum: [Double], outcomes: [Learning.TrainingOutcome])?
        if elementCount <= Self.blockElements, try blocks >= 4 * threadsOfAll(ranks) {
            let work = CohortWork(cohort, elementCount: elementCount, ranks: ranks)
            onThreads(trainers.all.count) { work.run(trainers.all[$0], from: base) }
            result = try work.results().map { (trainers.all[0].unpack($0.sum), $0.outcomes) }
        } else {
            let room = slots(SlotWork.slotCount(cohort, elementCount: elementCount))
            let work = SlotWork(cohort, slots: room, elementCount: elementCount, ranks: ranks, turn: nextTurn())
            onThreads(min(trainers.all.count, count)) { work.run(trainers.all[$0], from: base) }
            if try work.gather() {
                onThreads(min(trainers.all.count, count)) { work.addUp(trainers.all[$0]) }
                result = try work.results(trainers.all[0])
            }
        }
        guard let (sum, outcomes) = result else {
            for trainer in trainers.all { trainer.discardBatch() }
            return nil
        }
        return TrainedCohort(
            sum: sum,
            outcomes: outcomes,
            meanTime: (ContinuousClock().now - begin) * min(trainers.all.count, count) / count
        )
    }

    /// The threads of all ranks together, which all must know alike.
    private func threadsOfAll(_ ranks: any SimulationRanks) throws -> Int {
        if let known = allThreads { return known }
        var message = RankMessage()
        message.append(UInt64(cohortTrainers.count))
        let all = try ranks.allGather(message.bytes).reduce(0) { sum, bytes in
            var reader = RankMessageReader(bytes)
            return sum + Int(reader.read(UInt64.self))
        }
        allThreads = all
        return all
    }

    /// The largest model whose clients are trained in blocks: a block's sum in double precision stays in the cache.
    private static let blockElements = 1 << 16
    /// The most elements of changes that wait.
    static let slotElements = 1 << 27

    private struct CohortTrainerBox: @unchecked Sendable {
        // Sendable: each worker uses the one trainer of its own number.
        let all: [CohortTrainer]

        init(_ all: [CohortTrainer]) { self.all = all }
    }
}

/// Hands out this rank's blocks of a cohort and adds up their sums, from any thread.
private final class CohortWork: @unchecked Sendable {
    // Sendable: the members that change are used under the lock only.
    private let cohort: RoundCohort
    private let ranks: any SimulationRanks
    private let lock = Lock()
    private var next: Int
    private var fold: BlockFold
    private var outcomes: [[Learning.TrainingOutcome]]
    private var hasFailed = false

    init(_ cohort: RoundCohort, elementCount: Int, ranks: any SimulationRanks) {
        self.cohort = cohort
        self.ranks = ranks
        fold = BlockFold(elementCount: elementCount)
        outcomes = Array(repeating: [], count: BlockFold.blockCount(updates: cohort.clients.count))
        next = outcomes.count * ranks.rank / ranks.count
    }

    /// The blocks of a rank: neighbours, whose sums make few nodes.
    private func blocks(of rank: Int) -> Range<Int> {
        (outcomes.count * rank / ranks.count)..<(outcomes.count * (rank + 1) / ranks.count)
    }

    /// Trains blocks until none is left.
    func run(_ trainer: CohortTrainer, from base: ParameterVector) {
        do {
            try trainer.begin(parameters: base, specification: cohort.group.training)
            while let block = takeBlock() {
                var sum = [Double](repeating: 0, count: trainer.sumCount)
                let positions = BlockFold.updates(ofBlock: block, of: cohort.clients.count)
                let outcomes = try trainer.train(cohort.block(positions), addingTo: &sum)
                lock.withLock {
                    self.outcomes[block] = outcomes
                    fold.insert(sum, block: block)
                }
            }
        } catch {
            lock.withLock { hasFailed = true }
        }
    }

    private func takeBlock() -> Int? {
        lock.withLock {
            guard next < blocks(of: ranks.rank).upperBound, !hasFailed else { return nil }
            defer { next += 1 }
            return next
        }
    }

    /// The sum of all updates and what each training came to, the same on all ranks; nil where one failed.
    func results() throws -> (sum: [Double], outcomes: [Learning.TrainingOutcome])? {
        if ranks.count > 1 { try gather() }
        return lock.withLock { hasFailed ? nil : (fold.total(), outcomes.flatMap { $0 }) }
    }

    /// Takes in the nodes and outcomes of all ranks.
    private func gather() throws {
        var message = RankMessage()
        message.append(UInt64(hasFailed ? 1 : 0))
        if !hasFailed {
            for outcome in outcomes[blocks(of: ranks.rank)].joined() { message.append(outcome) }
            for node in fold.nodes { message.append(node) }
        }
        for (rank, bytes) in try ranks.allGather(message.bytes).enumerated() where rank != ranks.rank {
            var reader = RankMessageReader(bytes)
            guard reader.read(UInt64.self) == 0 else {
                hasFailed = true
                continue
            }
            for block in blocks(of: rank) {
                let updates = BlockFold.updates(ofBlock: block, of: cohort.clients.count)
                outcomes[block] = updates.map { _ in reader.readOutcome() }
            }
            while !reader.isAtEnd { fold.insert(reader.readNode()) }
        }
    }
}
