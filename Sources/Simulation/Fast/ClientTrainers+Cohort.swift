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
    /// whose changes wait to be added up.
    func train(_ cohort: RoundCohort, from base: ParameterVector) -> TrainedCohort? {
        let trainers = CohortTrainerBox(cohortTrainers)
        let (count, elementCount) = (cohort.clients.count, trainers.all[0].sumCount)
        let begin = ContinuousClock().now
        let blocks = BlockFold.blockCount(updates: count)
        var result: (sum: [Double], outcomes: [Learning.TrainingOutcome])?
        if elementCount <= Self.blockElements, blocks >= 4 * trainers.all.count {
            let work = CohortWork(cohort, elementCount: elementCount)
            onThreads(trainers.all.count) { work.run(trainers.all[$0], from: base) }
            result = work.results
        } else {
            let work = SlotWork(cohort, slots: slots(count * elementCount), elementCount: elementCount)
            onThreads(min(trainers.all.count, count)) { work.run(trainers.all[$0], from: base) }
            guard !work.hasFailed else { return nil }
            onThreads(trainers.all.count) { _ in work.addUp() }
            result = work.results
        }
        guard let (sum, outcomes) = result else { return nil }
        return TrainedCohort(
            sum: trainers.all[0].unpack(sum),
            outcomes: outcomes,
            meanTime: (ContinuousClock().now - begin) * min(trainers.all.count, count) / count
        )
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

/// Hands out blocks of a cohort and adds up their sums, from any thread.
private final class CohortWork: @unchecked Sendable {
    // Sendable: the members that change are used under the lock only.
    let blockCount: Int
    private let cohort: RoundCohort
    private let lock = Lock()
    private var next = 0
    private var fold: BlockFold
    private var outcomes: [[Learning.TrainingOutcome]]
    private var hasFailed = false

    init(_ cohort: RoundCohort, elementCount: Int) {
        self.cohort = cohort
        blockCount = BlockFold.blockCount(updates: cohort.clients.count)
        fold = BlockFold(elementCount: elementCount)
        outcomes = Array(repeating: [], count: blockCount)
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
            guard next < blockCount, !hasFailed else { return nil }
            defer { next += 1 }
            return next
        }
    }

    /// The sum of all updates and what each training came to; nil where one failed.
    var results: (sum: [Double], outcomes: [Learning.TrainingOutcome])? {
        lock.withLock { hasFailed ? nil : (fold.total(), outcomes.flatMap { $0 }) }
    }
}
