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

    /// Whether the tasks are such that clients trained together and one by one give the same, and enough of them to
    /// keep all threads busy: one trains whole blocks of a ``ModelState/BlockFold``.
    func canTrainTogether(_ group: TaskGroup) -> Bool {
        let settings = group.training.settings.keys.filter { $0 != "proximal_mu" }
        let blocks = BlockFold.blockCount(updates: group.count)
        return !cohortTrainers.isEmpty && group.training.trainer == "sgd" && settings.isEmpty
            && blocks >= 4 * cohortTrainers.count
    }

    /// Trains a round's clients block by block; nil where one of them fails, which is to be found out one by one.
    func train(_ cohort: RoundCohort, from base: ParameterVector) -> TrainedCohort? {
        let count = cohort.clients.count
        let work = CohortWork(cohort, elementCount: cohortTrainers[0].sumCount)
        let trainers = CohortTrainerBox(cohortTrainers)
        let begin = ContinuousClock().now
        let threads = min(trainers.all.count, work.blockCount)
        onThreads(threads) { worker in
            work.run(trainers.all[worker], from: base)
        }
        guard let (sum, outcomes) = work.results else { return nil }
        return TrainedCohort(
            sum: trainers.all[0].unpack(sum),
            outcomes: outcomes,
            meanTime: (ContinuousClock().now - begin) * threads / count
        )
    }

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
