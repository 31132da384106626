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
    let scenario: Scenario
    let data: ClientData
    let recipe: JobRecipe
    let trainers: ClientTrainers
    let clientNumbers: [AgentID: Int]
    private let observer: (JobEvent) -> Void
    private let onRound: (SimulationResult.Round) -> Void

    private var machine: JobMachine
    var model: JobModel
    /// The samples with wrong labels, once an attack asked for them.
    var flippedTable: SampleTable?
    /// What each client remembers, once it took part, in jobs whose clients remember anything.
    private var memories: [Int: ClientMemory] = [:]
    /// The newest model that each client loaded, in jobs with anchors: what it need not load again.
    private var held: [Int: ModelReference] = [:]
    private var spare = SpareVector(nil)
    private var rounds: [SimulationResult.Round] = []
    private var toldRounds = 0
    private var traffic = ClientTraffic()
    private var decomposition: LossDecomposition?
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
    ///   - onRound: is told every committed round once it was evaluated, or will not be.
    /// - Throws: an error that names the unknown model, rule or codec.
    public init(
        _ scenario: Scenario,
        data: ClientData,
        observer: @escaping (JobEvent) -> Void = { _ in },
        onRound: @escaping (SimulationResult.Round) -> Void = { _ in }
    ) throws {
        self.scenario = scenario
        self.data = data
        self.observer = observer
        self.onRound = onRound
        recipe = try JobRecipe(scenario.job)
        trainers = ClientTrainers(architecture: recipe.architecture, threads: scenario.threads)
        let agents = scenario.agents
        clientNumbers = Dictionary(uniqueKeysWithValues: agents.enumerated().map { ($1, $0) })
        machine = JobMachine(job: JobID(1), specification: scenario.job)
        machine.setAvailable(agents)
        model = try JobModel.initial(recipe: recipe)
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
        tellRounds()
        precondition(machine.isOver, "the job waits for something that a fast simulation never does")
        return SimulationResult(
            status: machine.status,
            rounds: rounds,
            model: recipe.model(of: model.vector),
            layout: recipe.architecture.layout,
            elapsed: clock.now - begin,
            trainingElapsed: trainingElapsed,
            updateCount: updateCount,
            traffic: traffic
        )
    }

    private func tellRounds() {
        for round in rounds[toldRounds...] { onRound(round) }
        toldRounds = rounds.count
    }

    private func perform(_ action: JobAction) throws -> [JobAction] {
        switch action {
        case .record(_, let record):
            return machine.handle(.recorded(record), at: now)
        case .prepareModel:
            return machine.handle(.modelReady(model.prepared), at: now)
        case .assign(_, let task):
            assigned.append(task)
        case .fold(let round, let updates):
            try fold(round, updates)
            return machine.handle(.folded(model.prepared), at: now)
        case .committed(let committed):
            tellRounds()
            rounds.append(
                SimulationResult.Round(
                    committed: committed,
                    evaluation: nil,
                    decomposition: decomposition,
                    bytesDown: machine.status.bytesDown,
                    bytesUp: machine.status.bytesUp,
                    elapsed: machine.status.elapsed
                )
            )
        case .evaluate(let round):
            let summary = try evaluate()
            rounds[rounds.count - 1].evaluation = summary
            tellRounds()
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

    /// The number of a client, from 0.
    func number(of agent: AgentID) -> Int {
        guard let client = clientNumbers[agent] else { preconditionFailure("only clients of the scenario are asked") }
        return client
    }

    /// Trains everyone who was asked, in parallel, and hands the updates in by name.
    private func trainAssigned() throws -> [JobAction] {
        let tasks = assigned
        assigned = []
        for task in tasks { countLoad(of: task) }
        let start = clock.now
        let base = try model.heldByAgents(recipe)
        let honest = tasks.filter { number(of: $0.key.agent) < scenario.honestClients }
        var results = trainers.train(honest, from: base, recipe: recipe) { [data, clientNumbers, memories] task in
            let client = clientNumbers[task.key.agent] ?? 0
            return .init(samples: data.samples(of: client), memory: memories[client] ?? ClientMemory())
        }
        var answered = honest
        if let specification = scenario.attack {
            let byzantine = tasks.filter { number(of: $0.key.agent) >= scenario.honestClients }
            let known = results.compactMap { try? $0.get() }
            results += try attack(byzantine, knowing: known, specification)
            answered += byzantine.prefix(results.count - honest.count)
        }
        trainingElapsed += clock.now - start
        updateCount += results.count
        return handIn(answered, results)
    }

    private func handIn(_ tasks: [TrainTask], _ results: [Result<ClientUpdate, ClientFailure>]) -> [JobAction] {
        var actions: [JobAction] = []
        for (task, result) in zip(tasks, results) {
            switch result {
            case .success(let update):
                trained[task.key] = update
                traffic.countUpdate(update.accepted.byteCount, from: number(of: task.key.agent))
                if let memory = update.memory { memories[number(of: task.key.agent)] = memory }
                actions += machine.handle(.verified(update.accepted), at: now)
            case .failure(let failure):
                actions += machine.handle(.failed(task.key, failure.reason, failure.message), at: now)
            }
        }
        return actions
    }

    /// Counts the bytes of the parts that a client does not hold yet.
    private func countLoad(of task: TrainTask) {
        let client = number(of: task.key.agent)
        var count = task.base.byteCount
        if recipe.anchor != nil {
            let missing = task.base.parts.dropFirst(task.base.partCount(heldBy: held[client]))
            count = missing.reduce(0) { $0 + $1.byteCount }
            held[client] = task.base
        }
        machine.countSentBytes(count)
        traffic.countModel(count, to: client)
    }

    /// The clients up to which each evaluates for itself; more share the samples among the threads.
    private static let evaluatedClients = 1_000

    private func evaluate() throws -> EvaluationSummary {
        let base = try model.heldByAgents(recipe)
        let clients = scenario.honestClients
        guard data.test != nil, clients <= Self.evaluatedClients || recipe.methods.keepsState else {
            return try trainers.evaluate(recipe.model(of: base), data.test)
        }
        return try trainers.evaluate(base, clients: clients) { [data, memories] client in
            guard let samples = data.testSamples(of: client) else {
                preconditionFailure("there are test samples")
            }
            return .init(samples: samples, memory: memories[client] ?? ClientMemory())
        }
    }

    private func fold(_ round: RoundNumber, _ updates: [AcceptedUpdate]) throws {
        let inHand = updates.compactMap { trained[$0.key] }
        precondition(inHand.count == updates.count, "every accepted update is in hand")
        trained = [:]
        let set = InHandUpdates(
            layout: recipe.layout,
            updates: inHand,
            codec: recipe.uplink,
            training: scenario.job.training
        )
        let (vector, strategy) = try JobFold.run(set, current: model, round: round, recipe: recipe, memory: spare)
        let next = try JobModel(vector, round: round, recipe: recipe, strategy: strategy, after: model)
        if scenario.diagnose {
            let honest = inHand.filter { number(of: $0.accepted.key.agent) < scenario.honestClients }
            decomposition = try decompose(
                Array(honest.prefix(Self.diagnosedClients)),
                from: try model.heldByAgents(recipe),
                to: recipe.model(of: vector)
            )
        }
        spare = SpareVector(model.vector)
        model = next
    }
}
