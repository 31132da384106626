// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

@Suite struct CohortTrainerTests {
    static let table: SampleTable = {
        var generator = SeededGenerator(seed: Seed(11))
        let features = (0..<(600 * 6)).map { _ in Float(generator.normal()) }
        return SampleTable(floats: features, shape: [6], labels: (0..<600).map { _ in Int32(generator.below(3)) })
    }()

    private func samples(of client: Int) -> Samples {
        Samples(Self.table, indices: (0..<UInt32(5 + client % 4)).map { UInt32(client % 590) + $0 }[...])
    }

    private func model(hidden: [Int] = []) throws -> ModelArchitecture {
        let kind = hidden.isEmpty ? "softmax" : "mlp"
        return try ModelArchitecture(ModelSpecification(kind: kind, input: [6], classes: 3, hidden: hidden))
    }

    private func code(_ body: () throws -> Void) -> LearningError.Code? {
        do {
            try body()
            return nil
        } catch { return (error as? LearningError)?.code }
    }

    /// Clients one after the other by LocalTrainer, their changes added as the fold adds them.
    private func reference(
        _ model: ModelArchitecture,
        _ training: TrainingSpecification,
        clients: Range<Int>
    ) throws -> (sum: [Double], outcomes: [TrainingOutcome]) {
        let start = model.initialParameters(seed: Seed(2))
        var sum = [Double](repeating: 0, count: start.count)
        var outcomes: [TrainingOutcome] = []
        for client in clients {
            let (delta, outcome) = try LocalTrainer(model: model).train(
                parameters: start,
                samples: samples(of: client),
                specification: training,
                seed: Seed(UInt64(client))
            )
            outcomes.append(outcome)
            delta.withElements { delta in
                sum.withUnsafeMutableBufferPointer {
                    VectorKernels.accumulate(delta, weight: 1 / Double(client + 1), into: $0)
                }
            }
        }
        return (sum, outcomes)
    }

    @Test func clientsGiveTheBitsOfLocalTrainer() throws {
        let trainings = [
            TrainingSpecification(localEpochs: 2, batchSize: 3, learningRate: 0.1),
            TrainingSpecification(batchSize: 4, learningRate: 0.1, momentum: 0.9, weightDecay: 0.01),
            TrainingSpecification(localEpochs: 2, batchSize: 64, learningRate: 0.1, settings: ["proximal_mu": 0.5]),
            TrainingSpecification(localEpochs: 3, batchSize: 2, learningRate: 0.1, maximumSteps: 4),
        ]
        for hidden in [[], [5], [50, 17]] {
            let model = try model(hidden: hidden)
            let trainer = try #require(CohortTrainer(model: model))
            for training in trainings {
                let expected = try reference(model, training, clients: 0..<6)
                try trainer.begin(parameters: model.initialParameters(seed: Seed(2)), specification: training)
                var sum = [Double](repeating: 0, count: trainer.sumCount)
                var outcomes: [TrainingOutcome] = []
                for client in 0..<6 {
                    outcomes.append(
                        try trainer.train(
                            samples: samples(of: client),
                            seed: Seed(UInt64(client)),
                            coefficient: 1 / Double(client + 1),
                            addingTo: &sum
                        )
                    )
                }
                #expect(trainer.unpack(sum).map(\.bitPattern) == expected.sum.map(\.bitPattern))
                #expect(outcomes == expected.outcomes)
            }
        }
    }

    /// Trained in memory that was handed in, and added in two runs.
    @Test func aClientTrainedInPlaceHasTheSameChange() throws {
        let (model, training) = (try model(hidden: [5]), TrainingSpecification(localEpochs: 2, learningRate: 0.1))
        let trainer = try #require(CohortTrainer(model: model))
        try trainer.begin(parameters: model.initialParameters(seed: Seed(2)), specification: training)
        let rows = Array(samples(of: 0).indices ?? [])
        var owners = [UInt32](repeating: 1, count: Self.table.count)
        for row in rows { owners[Int(row)] = 0 }
        let cohort = Cohort(
            table: Self.table,
            partition: Partition(owners: owners, clientCount: 2),
            clients: [0],
            coefficients: [1],
            seeds: [Seed(0)]
        )
        var trained = [Float](repeating: .nan, count: trainer.sumCount)
        var sum = [Double](repeating: 0, count: trainer.sumCount)
        let outcome = try trained.withUnsafeMutableBufferPointer { try trainer.train(cohort, at: 0, in: $0) }
        let cut = trainer.sumCount / 3
        trained.withUnsafeBufferPointer { trained in
            sum.withUnsafeMutableBufferPointer { sum in
                for run in [0..<cut, cut..<sum.count] {
                    guard let from = UnsafeBufferPointer(rebasing: trained[run]).baseAddress else { continue }
                    trainer.addChange(
                        of: from,
                        from: run.lowerBound,
                        times: 1,
                        to: UnsafeMutableBufferPointer(rebasing: sum[run])
                    )
                }
            }
        }
        let expected = try reference(model, training, clients: 0..<1)
        #expect(trainer.unpack(sum).map(\.bitPattern) == expected.sum.map(\.bitPattern))
        #expect(outcome == expected.outcomes[0])
    }

    @Test func aClientThatDivergesAddsNothing() throws {
        let model = try model()
        let trainer = try #require(CohortTrainer(model: model))
        let start = model.initialParameters(seed: Seed(2))
        try trainer.begin(
            parameters: start,
            specification: TrainingSpecification(learningRate: 3e38, weightDecay: 1e10, maximumSteps: 1)
        )
        var sum = [Double](repeating: 7, count: trainer.sumCount)
        #expect(
            code {
                _ = try trainer.train(samples: samples(of: 1), seed: Seed(1), coefficient: 1, addingTo: &sum)
            } == .diverged
        )
        #expect(sum.allSatisfy { $0 == 7 })
        // The next round does not know of it.
        let training = TrainingSpecification(learningRate: 0.1)
        try trainer.begin(parameters: start, specification: training)
        sum = [Double](repeating: 0, count: trainer.sumCount)
        _ = try trainer.train(samples: samples(of: 0), seed: Seed(0), coefficient: 1, addingTo: &sum)
        #expect(trainer.unpack(sum) == (try reference(model, training, clients: 0..<1).sum))
    }

    @Test func whatCannotBeTrainedIsRefused() throws {
        let vector = try ModelArchitecture(ModelSpecification(kind: "vector", elements: 9))
        #expect(CohortTrainer(model: vector) == nil)
        let model = try model()
        let trainer = try #require(CohortTrainer(model: model))
        let start = model.initialParameters(seed: Seed(2))
        #expect(
            code { try trainer.begin(parameters: ParameterVector(zeros: 3), specification: TrainingSpecification()) }
                == .shapeMismatch
        )
        #expect(
            code { try trainer.begin(parameters: start, specification: TrainingSpecification(trainer: "none")) }
                == .unknownTrainer
        )
        try trainer.begin(parameters: start, specification: TrainingSpecification())
        var sum = [Double](repeating: 0, count: trainer.sumCount)
        let empty = Samples(Self.table, indices: [])
        #expect(
            code { _ = try trainer.train(samples: empty, seed: Seed(1), coefficient: 1, addingTo: &sum) }
                == .missingData
        )
        let foreign = SampleTable(floats: [Float](repeating: 0, count: 6), shape: [6], labels: [3])
        #expect(
            code { _ = try trainer.train(samples: Samples(foreign), seed: Seed(1), coefficient: 1, addingTo: &sum) }
                == .labelOutOfRange
        )
    }

    /// Eight blocks of clients, trained and folded by several threads.
    @Test func theFoldOfACohortDoesNotDependOnTheThreads() throws {
        let model = try model()
        let start = model.initialParameters(seed: Seed(2))
        let training = TrainingSpecification(batchSize: 4, learningRate: 0.1)
        let clients = 500
        let blocks = BlockFold.blockCount(updates: clients)
        func total(threads: Int) throws -> [UInt64] {
            let sums = SharedSums(elementCount: try #require(CohortTrainer(model: model)).sumCount, blocks: blocks)
            DispatchQueue.concurrentPerform(iterations: threads) { _ in
                guard let trainer = CohortTrainer(model: model) else { return }
                try? trainer.begin(parameters: start, specification: training)
                while let block = sums.next() {
                    var sum = [Double](repeating: 0, count: trainer.sumCount)
                    for client in BlockFold.updates(ofBlock: block, of: clients) {
                        _ = try? trainer.train(
                            samples: samples(of: client),
                            seed: Seed(UInt64(client)),
                            coefficient: 1 / Double(client + 1),
                            addingTo: &sum
                        )
                    }
                    sums.insert(sum, block: block)
                }
            }
            return sums.total.map(\.bitPattern)
        }
        let one = try total(threads: 1)
        #expect(one.contains { $0 != 0 })
        for threads in [2, 3, 7] { #expect(try total(threads: threads) == one) }
    }

    private final class SharedSums: @unchecked Sendable {
        // Safe: everything is used under the lock only.
        private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private var fold: BlockFold
        private var position = 0
        private let blocks: Int

        init(elementCount: Int, blocks: Int) {
            pthread_mutex_init(lock, nil)
            fold = BlockFold(elementCount: elementCount)
            self.blocks = blocks
        }

        deinit {
            pthread_mutex_destroy(lock)
            lock.deallocate()
        }

        private func locked<Result>(_ body: () -> Result) -> Result {
            pthread_mutex_lock(lock)
            defer { pthread_mutex_unlock(lock) }
            return body()
        }

        func next() -> Int? {
            locked {
                guard position < blocks else { return nil }
                position += 1
                return position - 1
            }
        }

        func insert(_ sum: [Double], block: Int) { locked { fold.insert(sum, block: block) } }

        var total: [Double] { locked { fold.total() } }
    }
}
