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
    /// The clients that take part, from 0; nil for all.
    private let participants: [Int]?
    let recipe: JobRecipe
    let trainers: ClientTrainers
    let ranks: any SimulationRanks
    private let observer: (JobEvent) -> Void
    private let onRound: (SimulationResult.Round) -> Void

    private var machine: JobMachine
    var model: JobModel
    /// The samples with wrong labels, once an attack asked for them.
    var flippedTable: SampleTable?
    /// What each client remembers, once it took part, in jobs whose clients remember anything.
    private(set) var memories: [Int: ClientMemory] = [:]
    /// The newest model that each client loaded, in jobs with anchors: what it need not load again.
    private(set) var held: [Int: ModelReference] = [:]
    private var spare = SpareVector(nil)
    private(set) var rounds: [SimulationResult.Round] = []
    private var toldRounds = 0
    private(set) var traffic: ClientTraffic
    private var decomposition: LossDecomposition?
    private var assigned: [TrainTask] = []
    /// The sum of the updates of the round under way, where it was made while they were.
    private var summed: (round: RoundNumber, updates: Int, sum: [Double])?
    private var trained: [UpdateKey: ClientUpdate] = [:]
    /// The model before the current one as its agents hold it, where tasks may still start from it.
    private var previousBase: (round: RoundNumber, vector: ParameterVector)?
    private let devices: DeviceModel?
    private var arrivals = ArrivalQueue()
    /// Tasks that were taken back while their updates were on their way.
    private var withdrawn: Set<UpdateKey> = []
    /// The time in which devices work.
    private(set) var virtualNow = Instant.start
    private(set) var trainingElapsed = Duration.zero
    private(set) var updateCount = 0
    private let clock = ContinuousClock()
    /// Whether clients are trained together where they can be.
    var trainsTogether = true
    /// Rounds whose clients were trained together.
    private(set) var roundsTrainedTogether = 0
    private let begin: ContinuousClock.Instant
    /// The folder of its checkpoints; nil where none are made.
    private let checkpoints: CheckpointFolder?
    /// What the journal of a coordinator would tell; kept for checkpoints only.
    private var journal: RecoveredJob
    /// What was remembered of the clients before the open round chose anybody.
    private(set) var committedSelection = SelectionMemory()
    private var checkpointedRounds = 0
    /// Wall time before this process went on.
    private var earlierElapsed = Duration.zero
    private var firstTask: ContinuousClock.Instant?

    /// Prepares a simulation.
    ///
    /// - Parameters:
    ///   - scenario: what to run.
    ///   - data: the scenario's samples.
    ///   - ranks: the processes that share the work.
    ///   - checkpoints: where to keep what is needed to go on, and whether to go on from there.
    ///   - observer: is told every event.
    ///   - onRound: is told every committed round once it was evaluated, or will not be.
    /// - Throws: an error that names the unknown model, rule or codec, or kernels that the program lacks.
    public init(
        _ scenario: Scenario,
        data: ClientData,
        ranks: any SimulationRanks = SingleRank(),
        checkpoints: CheckpointFolder? = nil,
        observer: @escaping (JobEvent) -> Void = { _ in },
        onRound: @escaping (SimulationResult.Round) -> Void = { _ in }
    ) throws {
        let scenario = try scenario.waitingForParticipants(data)
        self.scenario = scenario
        self.data = data
        participants = scenario.participants(data)
        self.ranks = ranks
        self.observer = observer
        self.onRound = onRound
        recipe = try JobRecipe(scenario.job)
        trainers = try ClientTrainers(
            architecture: recipe.architecture,
            threads: scenario.threads,
            kernels: scenario.kernels
        )
        traffic = ClientTraffic(clients: scenario.clients)
        machine = JobMachine(job: JobID(1), specification: scenario.job)
        model = try JobModel.initial(recipe: recipe)
        devices = try scenario.devices.map { try DeviceModel($0, seed: scenario.job.seed) }
        begin = clock.now
        self.checkpoints = checkpoints
        journal = RecoveredJob(job: JobID(1), specification: scenario.job)
        makeAvailable()
        if let checkpoints {
            try Self.checkCheckpoints(scenario, recipe, ranks)
            if checkpoints.resumes, let newest = try checkpoints.newest() { try takeUp(newest) }
        }
    }

    /// Makes the clients known to the job that take part in it.
    private func makeAvailable() {
        let everyone = scenario.agents
        let agents = participants?.map { everyone[$0] } ?? everyone
        var samples: [AgentID: Double] = [:]
        if !scenario.job.clientSelection.isUniform {
            for agent in agents { samples[agent] = Double(data.claimedSampleCount(of: number(of: agent))) }
        }
        machine.setAvailable(agents, samples: samples)
        machine.asksTogether = true
    }

    /// Scores all clients on the current model, where the job chooses by fresh scores.
    private func measureClients() throws {
        let selection = scenario.job.clientSelection
        guard selection.scores == .fresh else { return }
        let honest = 0..<scenario.honestClients
        let clients = participants?.filter { honest.contains($0) } ?? Array(honest)
        let base = recipe.model(of: try model.heldByAgents(recipe))
        let scores = try trainers.scores(of: base, clients: clients, atMost: selection.samples) { [data] in
            data.samples(of: $0)
        }
        let agents = scenario.agents
        machine.setMeasured(zip(clients, scores).map { (agents[$0], $1.loss, $1.uncertainty) })
    }

    /// Goes on where a checkpoint was made.
    private func takeUp(_ checkpoint: SimulationCheckpoint) throws {
        let words = checkpoint.words
        journal = try Self.journal(words, of: scenario)
        committedSelection = journal.selection
        machine = JobMachine(recovering: journal)
        makeAvailable()
        machine.countSentBytes(Int(words.bytesDown))
        model = try JobModel(checkpoint.model, round: checkpoint.round, recipe: recipe, state: checkpoint.roundState)
        memories = try checkpoint.memories.mapValues { try ClientMemory($0) }
        held = words.held.compactMapValues { heldReference($0) }
        rounds = words.rounds.map(\.result)
        checkpointedRounds = rounds.count
        traffic = words.traffic
        virtualNow = Instant(words.virtualNow.duration)
        trainingElapsed = words.trainingElapsed.duration
        updateCount = words.updateCount
        earlierElapsed = words.elapsed.duration
    }

    /// Makes a checkpoint between two rounds, if it is time for one.
    private func keepCheckpoint() throws {
        guard let checkpoints, rounds.count >= checkpointedRounds + checkpoints.everyRounds else { return }
        checkpointedRounds = rounds.count
        guard ranks.rank == 0 else { return }
        try checkpoints.write(try makeCheckpoint(journal))
    }

    /// Wall time so far.
    var elapsed: Duration { earlierElapsed + (clock.now - begin) }

    /// Bytes of models that went to clients so far.
    var bytesDown: UInt64 { machine.status.bytesDown }

    private var now: Instant { devices == nil ? Instant(clock.now - begin) : virtualNow }

    /// Runs to the end of the job.
    ///
    /// - Throws: what the data, the rule or the codecs throw, where a real run would refuse the job.
    public func run() throws -> SimulationResult {
        try measureClients()
        var actions = machine.handle(.begin, at: now)
        while true {
            var next: [JobAction] = []
            for action in actions { next += try perform(action) }
            if next.isEmpty, !assigned.isEmpty { next = try trainAssigned() }
            if next.isEmpty { next = nextArrival() }
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
            elapsed: elapsed,
            trainingElapsed: trainingElapsed,
            updateCount: updateCount,
            traffic: traffic,
            firstTask: firstTask,
            hasWallTime: devices == nil
        )
    }

    private func tellRounds() {
        for round in rounds[toldRounds...] { onRound(round) }
        toldRounds = rounds.count
    }

    private func perform(_ action: JobAction) throws -> [JobAction] {
        switch action {
        case .record(let entries, let record):
            if record == .roundStarted { firstTask = firstTask ?? clock.now }
            if checkpoints != nil { for entry in entries { journal.apply(entry) } }
            if record == .committed { try measureClients() }
            return machine.handle(.recorded(record), at: now)
        case .prepareModel:
            return machine.handle(.modelReady(model.prepared), at: now)
        case .assign(_, let task):
            assigned.append(task)
        case .assignTogether(let group):
            return try trainTogether(group)
        case .fold(let round, let updates):
            try fold(round, updates)
            return machine.handle(.folded(model.prepared), at: now)
        case .committed(let committed):
            tellRounds()
            committedSelection = machine.selection
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
        case .withdraw(let key, _):
            trained[key] = nil
            if devices != nil { withdrawn.insert(key) }
        case .abandoned:
            trained = [:]
        case .accept, .refuse, .ended:
            break
        }
        return []
    }

    /// The number of a client, from 0.
    func number(of agent: AgentID) -> Int {
        guard let number = agent.number else { preconditionFailure("only clients of the scenario are asked") }
        return number - 1
    }

    /// Trains everyone who was asked, in parallel; hands the updates in by name, or, where there are devices, sends
    /// them on their way.
    private func trainAssigned() throws -> [JobAction] {
        try keepCheckpoint()
        let tasks = assigned
        assigned = []
        let loads = tasks.map { countLoad(of: $0) }
        let start = clock.now
        var results: [UpdateKey: Result<ClientUpdate, ClientFailure>] = [:]
        for round in Set(tasks.map(\.base.round)).sorted() {
            let group = tasks.filter { $0.base.round == round }
            for (key, result) in try train(group, from: base(of: round)) { results[key] = result }
        }
        trainingElapsed += clock.now - start
        updateCount += results.count
        var actions: [JobAction] = []
        for (task, load) in zip(tasks, loads) {
            guard let result = results[task.key] else { continue }
            if let devices {
                arrivals.insert(arrival(of: task, load, result, devices))
            } else {
                actions += handIn(task.key, result)
            }
        }
        return actions.isEmpty && devices != nil ? nextArrival() : actions
    }

    /// Trains everyone who was asked at once, where nobody's update has to be looked at; else one by one.
    private func trainTogether(_ group: TaskGroup) throws -> [JobAction] {
        guard let cohort = try cohort(of: group) else {
            assigned += Array(group)
            return []
        }
        try keepCheckpoint()
        let start = clock.now
        guard
            let trained = try trainers.train(cohort, from: try model.heldByAgents(recipe), ranks: ranks)
        else {
            assigned += Array(group)
            return []
        }
        trainingElapsed += clock.now - start
        roundsTrainedTogether += 1
        updateCount += group.count
        machine.countSentBytes(group.base.byteCount * group.count)
        for client in cohort.clients {
            traffic.countModel(group.base.byteCount, to: client)
            traffic.countUpdate(model.vector.byteCount, from: client)
        }
        summed = (group.key(at: 0).round, group.count, trained.sum)
        let updates = group.indices.map { update(group.key(at: $0), trained, $0) }
        return machine.handle(.verifiedTogether(updates), at: now)
    }

    /// The model of a round as agents hold it.
    private func base(of round: RoundNumber) throws -> ParameterVector {
        if let previousBase, previousBase.round == round { return previousBase.vector }
        precondition(model.prepared.reference.round == round, "tasks start from the current model or the one before")
        return try model.heldByAgents(recipe)
    }

    private func train(
        _ tasks: [TrainTask],
        from base: ParameterVector
    ) throws -> [(UpdateKey, Result<ClientUpdate, ClientFailure>)] {
        let honest = tasks.filter { number(of: $0.key.agent) < scenario.honestClients }
        var results = try trainShared(honest, from: base, memories: memories)
        var answered = honest
        if let specification = scenario.attack {
            let byzantine = tasks.filter { number(of: $0.key.agent) >= scenario.honestClients }
            let known = results.compactMap { try? $0.get() }
            results += try attack(byzantine, knowing: known, specification)
            answered += byzantine.prefix(results.count - honest.count)
        }
        return Array(zip(answered.map(\.key), results))
    }

    private func arrival(
        of task: TrainTask,
        _ load: Int,
        _ result: Result<ClientUpdate, ClientFailure>,
        _ devices: DeviceModel
    ) -> ArrivalQueue.Arrival {
        let accepted = (try? result.get())?.accepted
        let (time, arrives) = devices.duration(
            of: task.key,
            trainedSamples: accepted?.trainedSamples ?? 0,
            bytesDown: load,
            bytesUp: accepted?.byteCount ?? 0
        )
        let lost = ClientFailure(reason: .trainerFailed, message: "the device gave up")
        return .init(time: virtualNow.advanced(by: time), key: task.key, result: arrives ? result : .failure(lost))
    }

    /// Goes on to the next update that arrives, or to the next deadline if that comes first.
    private func nextArrival() -> [JobAction] {
        while devices != nil {
            if let deadline = machine.nextDeadline, arrivals.nextTime.map({ deadline < $0 }) ?? true {
                virtualNow = max(virtualNow, deadline)
                let actions = machine.handle(.timer, at: virtualNow)
                if !actions.isEmpty { return actions }
            }
            guard let arrival = arrivals.removeFirst() else { break }
            if withdrawn.remove(arrival.key) != nil { continue }
            virtualNow = max(virtualNow, arrival.time)
            let actions = handIn(arrival.key, arrival.result)
            if !actions.isEmpty { return actions }
        }
        return []
    }

    private func handIn(_ key: UpdateKey, _ result: Result<ClientUpdate, ClientFailure>) -> [JobAction] {
        switch result {
        case .success(let update):
            trained[key] = update
            traffic.countUpdate(update.accepted.byteCount, from: number(of: key.agent))
            if let memory = update.memory { memories[number(of: key.agent)] = memory }
            return machine.handle(.verified(update.accepted), at: now)
        case .failure(let failure):
            return machine.handle(.failed(key, failure.reason, failure.message), at: now)
        }
    }

    /// Counts the bytes of the parts that a client does not hold yet.
    private func countLoad(of task: TrainTask) -> Int {
        let client = number(of: task.key.agent)
        var count = task.base.byteCount
        if recipe.anchor != nil {
            let missing = task.base.parts.dropFirst(task.base.partCount(heldBy: held[client]))
            count = missing.reduce(0) { $0 + $1.byteCount }
            held[client] = task.base
        }
        machine.countSentBytes(count)
        traffic.countModel(count, to: client)
        return count
    }

    /// The clients up to which each evaluates for itself; more share the samples among the threads.
    private static let evaluatedClients = 1_000

    private func evaluate() throws -> EvaluationSummary {
        let base = try model.heldByAgents(recipe)
        guard let test = data.test else { return EvaluationSummary() }
        guard participants != nil || scenario.honestClients <= Self.evaluatedClients || recipe.methods.keepsState else {
            let chunks = ClientTrainers.chunkCount(of: test)
            let share = RankShare(costs: Array(repeating: 1, count: chunks), ranks: ranks.count)
            var total = EvaluationSummary()
            for part in try summariesShared(share, { try trainers.evaluate(base, recipe.layout, test, chunks: $0) }) {
                total.add(part)
            }
            return total
        }
        let honest = 0..<scenario.honestClients
        let clients = participants?.filter { honest.contains($0) } ?? Array(honest)
        let share = RankShare(clients: clients, ranks: ranks.count)
        let summaries = try summariesShared(share) { own in
            try trainers.evaluate(base, recipe.layout, clients: own.map { clients[$0] }) { [data, memories] client in
                guard let samples = data.testSamples(of: client) else {
                    preconditionFailure("there are test samples")
                }
                return .init(samples: samples, memory: memories[client] ?? ClientMemory())
            }
        }
        return EvaluationSummary(of: summaries)
    }

    private func fold(_ round: RoundNumber, _ updates: [AcceptedUpdate]) throws {
        let sum = summed.flatMap { $0.round == round && $0.updates == updates.count ? $0.sum : nil }
        summed = nil
        let inHand =
            trained.isEmpty
            ? []
            : updates.compactMap { update in
                // The machine knows how stale it is.
                trained.removeValue(forKey: update.key).map { $0.counting(as: update) }
            }
        precondition(sum != nil || inHand.count == updates.count, "every accepted update is in hand")
        if !scenario.job.round.carriesWork { trained = [:] }
        let set = InHandUpdates(
            layout: recipe.layout,
            updates: inHand,
            codec: recipe.uplink,
            training: scenario.job.training
        )
        let (vector, strategy) = try JobFold.run(
            set,
            current: model,
            round: round,
            recipe: recipe,
            memory: spare,
            sum: sum
        )
        let next = try JobModel(vector, round: round, recipe: recipe, strategy: strategy, after: model)
        if scenario.diagnose {
            let honest = inHand.filter { number(of: $0.accepted.key.agent) < scenario.honestClients }
            decomposition = try decompose(
                Array(honest.prefix(Self.diagnosedClients)),
                from: try model.heldByAgents(recipe),
                to: recipe.model(of: vector)
            )
        }
        if scenario.job.round.carriesWork {
            previousBase = (model.prepared.reference.round, try model.heldByAgents(recipe))
        } else {
            spare = SpareVector(model.vector)
            trainers.spares.keep(inHand.compactMap(\.elements))
        }
        model = next
    }
}
