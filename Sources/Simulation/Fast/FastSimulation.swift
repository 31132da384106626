// SPDX-License-Identifier: Apache-2.0

import Aggregation
import Digest
import Learning
import ModelState
import Randomness
import RoundWork
public import Rounds

/// Runs a scenario by passing values: the job's own state machine, with virtual clients that train on all cores.
///
/// Selection, seeds, training, coding and folding are those of a real run, so the final model has the same bits.
public final class FastSimulation {
    private let scenario: Scenario
    private let data: ClientData
    private let recipe: JobRecipe
    private let trainers: ClientTrainers
    private let clientNumbers: [AgentID: Int]
    private let observer: (JobEvent) -> Void

    private var machine: JobMachine
    private var model: ParameterVector
    private var spare = SpareVector(nil)
    private var rounds: [SimulationResult.Round] = []
    private var assigned: [TrainTask] = []
    private var trained: [UpdateKey: ClientUpdate] = [:]
    private var trainingElapsed = Duration.zero
    private var updateCount = 0
    private let clock = ContinuousClock()
    private let begin: ContinuousClock.Instant

    /// Prepares a simulation.
    ///
    /// - Parameters:
    ///   - scenario: what to run.
    ///   - data: the scenario's samples.
    ///   - observer: is told every event.
    /// - Throws: an error that names the unknown model, rule or codec.
    public init(_ scenario: Scenario, data: ClientData, observer: @escaping (JobEvent) -> Void = { _ in }) throws {
        self.scenario = scenario
        self.data = data
        self.observer = observer
        recipe = try JobRecipe(scenario.job)
        trainers = ClientTrainers(architecture: recipe.architecture, threads: scenario.threads)
        let agents = scenario.agents
        clientNumbers = Dictionary(uniqueKeysWithValues: agents.enumerated().map { ($1, $0) })
        machine = JobMachine(job: JobID(1), specification: scenario.job)
        machine.setAvailable(agents)
        model = ParameterVector(zeros: 0)
        begin = clock.now
    }

    private var now: Instant { Instant(clock.now - begin) }

    /// Runs to the end of the job.
    ///
    /// - Throws: what the data, the rule or the codecs throw, where a real run would refuse the job.
    public func run() throws -> SimulationResult {
        var actions = machine.handle(.begin, at: now)
        while true {
            var next: [JobAction] = []
            for action in actions { next += try perform(action) }
            if next.isEmpty, !assigned.isEmpty { next = try trainAssigned() }
            if next.isEmpty { break }
            actions = next
        }
        precondition(machine.isOver, "the job waits for something that a fast simulation never does")
        return SimulationResult(
            status: machine.status,
            rounds: rounds,
            model: model,
            layout: recipe.architecture.layout,
            elapsed: clock.now - begin,
            trainingElapsed: trainingElapsed,
            updateCount: updateCount
        )
    }

    private func perform(_ action: JobAction) throws -> [JobAction] {
        switch action {
        case .record(_, let record):
            return machine.handle(.recorded(record), at: now)
        case .prepareModel:
            model = recipe.architecture.initialParameters(seed: JobRecipe.initialSeed(scenario.job))
            return machine.handle(.modelReady(prepared(round: .initial)), at: now)
        case .assign(_, let task):
            assigned.append(task)
        case .fold(let round, let updates):
            try fold(updates)
            return machine.handle(.folded(prepared(round: round)), at: now)
        case .committed(let committed):
            rounds.append(SimulationResult.Round(committed: committed, evaluation: nil))
            machine.countSentBytes(committed.updateCount * model.byteCount)
        case .evaluate(let round):
            let summary = try trainers.evaluate(model, data.test)
            rounds[rounds.count - 1].evaluation = summary
            return machine.handle(.evaluated(round, summary), at: now)
        case .notify(let event):
            observer(event)
        case .abandoned:
            trained = [:]
        case .accept, .refuse, .withdraw, .ended:
            break
        }
        return []
    }

    /// Trains everyone who was asked, in parallel, and hands the updates in by name.
    private func trainAssigned() throws -> [JobAction] {
        let tasks = assigned
        assigned = []
        let start = clock.now
        let results = trainers.train(tasks, from: model, codec: recipe.uplink) { [data, clientNumbers] task in
            guard let client = clientNumbers[task.key.agent] else {
                preconditionFailure("only clients of the scenario are asked")
            }
            return data.samples(of: client)
        }
        trainingElapsed += clock.now - start
        updateCount += results.count
        var actions: [JobAction] = []
        for (task, result) in zip(tasks, results) {
            switch result {
            case .success(let update):
                trained[task.key] = update
                actions += machine.handle(.verified(update.accepted), at: now)
            case .failure(let failure):
                actions += machine.handle(.failed(task.key, failure.reason, failure.message), at: now)
            }
        }
        return actions
    }

    private func fold(_ updates: [AcceptedUpdate]) throws {
        let inHand = updates.compactMap { trained[$0.key] }
        precondition(inHand.count == updates.count, "every accepted update is in hand")
        trained = [:]
        var next = spare.take(count: model.count)
        let set = InHandUpdates(layout: recipe.architecture.layout, updates: inHand, codec: recipe.uplink)
        try recipe.fold.fold(set, current: model, into: &next)
        spare = SpareVector(model)
        model = next
    }

    private func prepared(round: RoundNumber) -> PreparedModel {
        let digest = BlobDigest(hashing: model.sharedBytes.bytes)
        let reference = ModelReference(round: round, digest: digest, byteCount: model.byteCount, codec: "fp32")
        return PreparedModel(
            reference: reference,
            layout: recipe.architecture.layout,
            modelDigest: digest,
            updateBytes: 0...Int.max
        )
    }
}
