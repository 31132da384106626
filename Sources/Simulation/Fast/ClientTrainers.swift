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
    /// Trainers of many clients at once; none for models that they do not train, and none but on own kernels.
    let cohortTrainers: [CohortTrainer]
    /// The threads of all ranks together, once they were asked.
    var allThreads: Int?
    /// The turns in which ranks took clients from one list.
    private var turns: UInt32 = 0
    /// Where trained clients wait to be added up; kept from round to round.
    private var slotMemory: UnsafeMutableBufferPointer<Float>?
    /// What updates are written into.
    let spares = SpareVectors()
    /// Samples evaluated together; fixed, so that sums do not depend on the number of threads.
    private static let evaluationChunk = 1_000

    /// Makes the trainers.
    ///
    /// - Throws: ``LearningError`` with code `unknownTrainer` where the program was built without the kernels.
    init(architecture: ModelArchitecture, threads: Int, kernels: TrainingKernels) throws {
        let count = threads > 0 ? threads : ProcessorCount.available
        trainers = try (0..<count).map { _ in try LocalTrainer(model: architecture, on: kernels) }
        cohortTrainers = (0..<(kernels == .own ? count : 0)).compactMap { _ in CohortTrainer(model: architecture) }
    }

    deinit { slotMemory?.deallocate() }

    /// Room for trained clients, with any contents: aligned as the kernels' vectors are.
    func slots(_ elementCount: Int) -> UnsafeMutablePointer<Float> {
        if let memory = slotMemory, memory.count >= elementCount, let base = memory.baseAddress { return base }
        slotMemory?.deallocate()
        let byteCount = elementCount * MemoryLayout<Float>.stride
        let bytes = UnsafeMutableRawBufferPointer.allocate(
            byteCount: byteCount,
            alignment: byteCount < HugePages.byteCount ? 64 : HugePages.byteCount
        )
        HugePages.advise(UnsafeRawBufferPointer(bytes))
        let memory = bytes.bindMemory(to: Float.self)
        slotMemory = memory
        guard let base = memory.baseAddress else { preconditionFailure("a model has elements") }
        return base
    }

    /// What training needs beside its task.
    struct Inputs {
        var samples: Samples
        var memory: ClientMemory
    }

    /// Another turn, the same on all ranks.
    func nextTurn() -> UInt32 {
        turns += 1
        return turns
    }

    /// Pieces of work so that the dearest are begun first, and no thread is left with one.
    static func dearestFirst(_ pieces: [Int], _ costs: [Int]) -> [Int] {
        pieces.sorted { (costs[$1], $0) < (costs[$0], $1) }
    }

    /// Trains every task; the results are in the order of the tasks.
    ///
    /// - Parameter costs: what each task costs; nil where they cost about the same.
    func train(
        _ tasks: [TrainTask],
        from base: ParameterVector,
        recipe: JobRecipe,
        costs: [Int]? = nil,
        inputs: @escaping @Sendable (TrainTask) -> Inputs
    ) -> [Result<ClientUpdate, ClientFailure>] {
        let all = Array(tasks.indices)
        let order = costs.map { Self.dearestFirst(all, $0) } ?? all
        return train(tasks, from: base, recipe: recipe, order: order, inputs: inputs).map {
            $0 ?? { preconditionFailure("every task was to be trained") }()
        }
    }

    /// Trains some of the tasks.
    ///
    /// - Parameters:
    ///   - order: which, in the order in which they are begun.
    ///   - ticket: the next place in `order` where others take from it too, from any thread; nil where all of it is
    ///     trained here.
    /// - Returns: the results in the order of the tasks; nil for those that were not trained here.
    func train(
        _ tasks: [TrainTask],
        from base: ParameterVector,
        recipe: JobRecipe,
        order: [Int],
        ticket: (() -> Int)? = nil,
        inputs: @escaping @Sendable (TrainTask) -> Inputs
    ) -> [Result<ClientUpdate, ClientFailure>?] {
        some(of: tasks.count, order: order, ticket: ticket) { [spares] trainer, index in
            let task = tasks[index]
            do {
                return .success(try Self.train(task, from: base, recipe: recipe, inputs(task), trainer, spares))
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
        from base: ParameterVector,
        recipe: JobRecipe,
        _ inputs: Inputs,
        _ trainer: LocalTrainer,
        _ spares: SpareVectors
    ) throws -> ClientUpdate {
        let work = ClientWork(task, recipe: recipe)
        var memory = inputs.memory
        work.settle(&memory)
        // Only plain training writes every element.
        let isPlain = !work.remembers && base.count == recipe.architecture.layout.elementCount
        var delta = isPlain ? spares.take(count: base.count) : ParameterVector(zeros: base.count)
        let result = try work.train(
            base: base,
            samples: inputs.samples,
            trainer: trainer,
            memory: memory,
            into: &delta,
            onStep: { _ in true }
        )
        var content = ClientUpdate.Content.elements(delta)
        var byteCount = delta.byteCount
        var kinds = recipe.denseBytesByKind
        if task.codec != "fp32" || work.remembers {
            let bytes = try work.code(delta, state: result.state, memory: &memory)
            byteCount = bytes.count
            if task.codec != "fp32" {
                let seed = Seed(task.seed).deriving("code")
                kinds = try recipe.bytesByKind(bytes, seed: seed)
                content = .coded(bytes, seed: seed)
            }
        }
        let accepted = AcceptedUpdate(
            key: task.key,
            digest: BlobDigest(high: 0, low: 0),
            byteCount: byteCount,
            weight: Double(max(result.outcome.sampleCount, 1)),
            steps: UInt64(result.outcome.steps),
            trainedSamples: UInt64(result.trainedSamples),
            loss: result.outcome.meanLoss ?? 0,
            trainingTime: result.trainingTime,
            norm: 0,
            initialLoss: result.outcome.initialLoss,
            uncertainty: result.outcome.uncertainty,
            bytesByKind: kinds
        )
        return ClientUpdate(accepted: accepted, content: content, memory: work.remembers ? memory : nil)
    }

    /// The pieces in which samples are evaluated.
    static func chunkCount(of table: SampleTable) -> Int { (table.count + evaluationChunk - 1) / evaluationChunk }

    /// Evaluates a model on chunks of the samples; the summaries are in the order of the chunks.
    func evaluate(
        _ base: ParameterVector,
        _ layout: TensorLayout,
        _ table: SampleTable,
        chunks: [Int]
    ) throws -> [EvaluationSummary] {
        let all = (0..<UInt32(table.count)).map { $0 }
        let parts: [Result<EvaluationSummary, any Error>] = parallel(chunks.count) { trainer, index in
            let start = chunks[index] * Self.evaluationChunk
            let end = min(start + Self.evaluationChunk, table.count)
            let samples = Samples(table, indices: all[start..<end])
            return Result {
                try ClientEvaluation.run(base, layout: layout, samples: samples, memory: nil, trainer: trainer)
            }
        }
        return try parts.map { try $0.get() }
    }

    /// The mean loss of every model on every client's samples.
    func losses(of models: [ParameterVector], on samples: [Samples]) throws -> [[Double]] {
        let all: [Result<EvaluationOutcome, any Error>] = parallel(models.count * samples.count) { trainer, index in
            Result {
                try trainer.evaluate(
                    parameters: models[index / samples.count],
                    samples: samples[index % samples.count]
                )
            }
        }
        let losses = try all.map { try $0.get().meanLoss }
        return models.indices.map { Array(losses[($0 * samples.count)..<(($0 + 1) * samples.count)]) }
    }

    /// The mean loss of a model on each client's samples, and how uncertain it is of them, on at most `limit` of them.
    func scores(
        of model: ParameterVector,
        clients: [Int],
        atMost limit: Int,
        _ samples: @escaping @Sendable (Int) -> Samples
    ) throws -> [(loss: Double, uncertainty: Double?)] {
        let all: [Result<(loss: Double, uncertainty: Double?), any Error>] = parallel(clients.count) { trainer, index in
            Result {
                let samples = samples(clients[index])
                let loss = try trainer.evaluate(parameters: model, samples: samples.spaced(limit)).meanLoss
                return (loss, try trainer.meanUncertainty(parameters: model, samples: samples, atMost: limit))
            }
        }
        return try all.map { try $0.get() }
    }

    /// Evaluates what each client holds on its own samples; the summaries are in the order of the clients.
    func evaluate(
        _ base: ParameterVector,
        _ layout: TensorLayout,
        clients: [Int],
        _ inputs: @escaping @Sendable (Int) -> Inputs
    ) throws -> [EvaluationSummary] {
        // A few clients at a time: their model is brought into a network's layout once for all of them.
        let groups = min(clients.count, trainers.count * Self.evaluationGroups)
        let parts: [Result<[EvaluationSummary], any Error>] = parallel(groups) { trainer, group in
            Result {
                let own = clients[(clients.count * group / groups)..<(clients.count * (group + 1) / groups)]
                let inputs = own.map { inputs($0) }
                return try ClientEvaluation.run(
                    base,
                    layout: layout,
                    inputs.map { ($0.samples, $0.memory) },
                    trainer: trainer
                )
            }
        }
        return try parts.flatMap { try $0.get() }
    }

    /// The groups of clients that a thread evaluates, about: with more, none waits long for the last.
    private static let evaluationGroups = 8

    /// Runs `body` for every index, on as many threads as there are trainers; results in the order of the indices.
    private func parallel<Value: Sendable>(
        _ count: Int,
        _ body: @escaping @Sendable (LocalTrainer, Int) -> Value
    ) -> [Value] {
        some(of: count, order: Array(0..<count), ticket: nil, body).map { value in
            guard let value else { preconditionFailure("every index was worked on") }
            return value
        }
    }

    /// Runs `body` for some of `count` indices; nil for the others.
    private func some<Value: Sendable>(
        of count: Int,
        order: [Int],
        ticket: (() -> Int)?,
        _ body: @escaping @Sendable (LocalTrainer, Int) -> Value
    ) -> [Value?] {
        let work = SharedWork<Value>(count: count, order: order, ticket: ticket)
        let trainers = TrainerBox(trainers)
        onThreads(min(trainers.all.count, max(order.count, 1))) { worker in
            while let index = work.next() { work.finish(index, body(trainers.all[worker], index)) }
        }
        return work.results
    }

    /// Runs `body` with the numbers of some threads, in parallel.
    func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        DispatchQueue.concurrentPerform(iterations: count) { body($0) }
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
    // Sendable: all members are used under the lock only.
    private let lock = Lock()
    private let order: [Int]
    private let ticket: (() -> Int)?
    private var taken = 0
    private var values: [Value?]

    init(count: Int, order: [Int], ticket: (() -> Int)?) {
        values = Array(repeating: nil, count: count)
        self.order = order
        self.ticket = ticket
    }

    func next() -> Int? {
        lock.withLock {
            let place = ticket?() ?? taken
            guard place < order.count else { return nil }
            taken += 1
            return order[place]
        }
    }

    func finish(_ index: Int, _ value: Value) {
        lock.withLock { values[index] = value }
    }

    var results: [Value?] { lock.withLock { values } }
}
