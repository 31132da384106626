// SPDX-License-Identifier: Apache-2.0

import Digest
import Dispatch
import EventLoop
import Learning
import ModelState
import Randomness
import RoundWork
import Rounds
import UpdateCoding

/// Trains many virtual clients on all cores, one trainer a thread.
///
/// A client's update depends on its task and samples alone, never on the thread or the order.
final class ClientTrainers {
    private let trainers: [LocalTrainer]
    /// Samples evaluated together; fixed, so that sums do not depend on the number of threads.
    private static let evaluationChunk = 1_000

    init(architecture: ModelArchitecture, threads: Int) {
        let count = threads > 0 ? threads : ProcessorCount.available
        trainers = (0..<count).map { _ in LocalTrainer(model: architecture) }
    }

    /// Trains every task; the results are in the order of the tasks.
    func train(
        _ tasks: [TrainTask],
        from model: ParameterVector,
        codec: any UpdateCodec,
        samples: @escaping @Sendable (TrainTask) -> Samples
    ) -> [Result<ClientUpdate, ClientFailure>] {
        parallel(tasks.count) { trainer, index in
            let task = tasks[index]
            do {
                return .success(try Self.train(task, from: model, codec: codec, samples: samples(task), trainer))
            } catch let error as LearningError {
                let reason = error.reason
                return .failure(ClientFailure(reason: reason, message: error.message))
            } catch {
                return .failure(ClientFailure(reason: .trainerFailed, message: "\(error)"))
            }
        }
    }

    private static func train(
        _ task: TrainTask,
        from model: ParameterVector,
        codec: any UpdateCodec,
        samples: Samples,
        _ trainer: LocalTrainer
    ) throws -> ClientUpdate {
        let clock = ContinuousClock()
        let begin = clock.now
        var trainedSamples = 0
        let (delta, outcome) = try trainer.train(
            parameters: model,
            samples: samples,
            specification: task.training,
            seed: Seed(task.seed)
        ) { progress in
            trainedSamples = progress.samplesSeen
            return true
        }
        let trainingTime = clock.now - begin
        var content = ClientUpdate.Content.elements(delta)
        var byteCount = delta.byteCount
        if codec.specification != "fp32" {
            var bytes: [UInt8] = []
            let seed = Seed(task.seed).deriving("code")
            try delta.withElements { try codec.encode($0, layout: task.layout, seed: seed, into: &bytes) }
            byteCount = bytes.count
            content = .coded(bytes, seed: seed)
        }
        let accepted = AcceptedUpdate(
            key: task.key,
            digest: BlobDigest(high: 0, low: 0),
            byteCount: byteCount,
            weight: Double(max(outcome.sampleCount, 1)),
            steps: UInt64(outcome.steps),
            trainedSamples: UInt64(trainedSamples),
            loss: outcome.meanLoss ?? 0,
            trainingTime: trainingTime,
            norm: 0
        )
        return ClientUpdate(accepted: accepted, content: content)
    }

    /// Evaluates a model on all samples.
    func evaluate(_ model: ParameterVector, _ table: SampleTable?) throws -> EvaluationSummary {
        guard let table, table.count > 0 else { return EvaluationSummary() }
        let starts = Array(stride(from: 0, to: table.count, by: Self.evaluationChunk))
        let all = (0..<UInt32(table.count)).map { $0 }
        let parts: [Result<EvaluationOutcome, any Error>] = parallel(starts.count) { trainer, index in
            let end = min(starts[index] + Self.evaluationChunk, table.count)
            return Result {
                try trainer.evaluate(parameters: model, samples: Samples(table, indices: all[starts[index]..<end]))
            }
        }
        var total = EvaluationSummary()
        for part in parts {
            let outcome = try part.get()
            total.add(
                EvaluationSummary(
                    sampleCount: UInt64(outcome.sampleCount),
                    correctCount: UInt64(outcome.correctCount),
                    lossSum: outcome.lossSum
                )
            )
        }
        return total
    }

    /// Runs `body` for every index, on as many threads as there are trainers; results in the order of the indices.
    private func parallel<Value: Sendable>(
        _ count: Int,
        _ body: @escaping @Sendable (LocalTrainer, Int) -> Value
    ) -> [Value] {
        let work = SharedWork<Value>(count: count)
        let trainers = TrainerBox(trainers)
        DispatchQueue.concurrentPerform(iterations: min(trainers.all.count, max(count, 1))) { worker in
            while let index = work.next() { work.finish(index, body(trainers.all[worker], index)) }
        }
        return work.results
    }

    private struct TrainerBox: @unchecked Sendable {
        // Sendable: each worker uses the one trainer of its own number.
        let all: [LocalTrainer]

        init(_ all: [LocalTrainer]) {
            self.all = all
        }
    }
}

/// Hands out indices and takes results, from any thread.
private final class SharedWork<Value: Sendable>: @unchecked Sendable {
    // Sendable: both members are used under the lock only.
    private let lock = Lock()
    private var position = 0
    private var values: [Value?]

    init(count: Int) {
        values = Array(repeating: nil, count: count)
    }

    func next() -> Int? {
        lock.withLock {
            guard position < values.count else { return nil }
            defer { position += 1 }
            return position
        }
    }

    func finish(_ index: Int, _ value: Value) {
        lock.withLock { values[index] = value }
    }

    var results: [Value] {
        lock.withLock { values.map { $0 ?? { preconditionFailure("every index was worked on") }() } }
    }
}
