// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness
import RoundWork
public import Rounds

/// Runs a job through the real state machines of coordinator and agents over a virtual network.
public struct ProtocolSimulation: Sendable {
    /// What a run gives.
    public struct Result: Sendable {
        /// The job's last state.
        public var status: JobStatus
        /// The final model.
        public var model: ParameterVector
        /// Stands for everything that happened: equal for equal runs.
        public var eventHash: UInt64
        /// The events that happened.
        public var eventCount: Int
        /// The bytes that reached the coordinator.
        public var bytesUp: UInt64
        /// The bytes that reached the agents and the operator.
        public var bytesDown: UInt64
        /// The virtual time from the start to the job's end.
        public var elapsed: Duration
    }

    /// Tells that a job did not end in its time.
    public struct Unfinished: Error, CustomStringConvertible {
        /// The job's last state, if it was submitted at all.
        public var status: JobStatus?

        /// One line.
        public var description: String {
            let phase = status.map { "\($0.phase)" } ?? "not submitted"
            return "the job '\(status?.name ?? "?")' did not end in its virtual time; it is \(phase)"
        }
    }

    /// What the world computes with.
    public var recipe: LearningRecipe
    /// How messages travel.
    public var transport: any MessageTransport
    /// The coordinator's knobs.
    public var configuration: CoordinatorConfiguration
    /// How long the coordinator's work takes.
    public var durations: CoordinatorDurations
    /// The virtual time that a run may take.
    public var timeLimit: Duration
    /// Takes a line for every event of the world, for a person who looks for a fault.
    public var trace: (@Sendable (String) -> Void)?

    /// Creates a simulation.
    public init(
        recipe: LearningRecipe,
        transport: any MessageTransport = ValueTransport(),
        configuration: CoordinatorConfiguration = CoordinatorConfiguration(),
        durations: CoordinatorDurations = CoordinatorDurations(),
        timeLimit: Duration = .seconds(30 * 86_400)
    ) {
        self.recipe = recipe
        self.transport = transport
        self.configuration = configuration
        self.durations = durations
        self.timeLimit = timeLimit
    }

    /// Runs a job with one agent for each profile.
    ///
    /// - Parameters:
    ///   - job: the job.
    ///   - agents: how each agent works; they are named `agent-1` and so on.
    ///   - faults: what goes wrong while the job runs.
    ///   - seed: the world's randomness; the job has its own.
    ///   - observer: is told the job's events as they happen.
    /// - Throws: ``Unfinished`` when the job does not end in ``timeLimit``.
    public func run(
        job: JobSpecification,
        agents: [AgentProfile],
        faults: FaultRates = FaultRates(),
        seed: Seed,
        observer: ((JobEvent) -> Void)? = nil
    ) throws -> Result {
        let world = VirtualWorld(
            recipe: recipe,
            transport: transport,
            configuration: configuration,
            durations: durations,
            canary: nil,
            observer: nil,
            seed: seed
        )
        world.log.trace = trace
        world.coordinator.eventObserver = observer
        world.start(agents: agents, jobs: [job], seed: seed)
        let injector = FaultInjector(world: world, rates: faults, seed: seed)
        injector.start()
        let isDone = world.run(until: Instant(timeLimit))
        let status = world.person?.statuses[job.name]
        guard isDone, let status else { throw Unfinished(status: status) }
        return Result(
            status: status,
            model: try world.model(of: status, job),
            eventHash: world.log.hash,
            eventCount: world.log.count,
            bytesUp: world.network.deliveredBytes[0],
            bytesDown: world.network.deliveredBytes[1],
            elapsed: world.clock.now.sinceStart
        )
    }
}

extension VirtualWorld {
    /// The model that a job's state speaks of.
    func model(of status: JobStatus, _ specification: JobSpecification) throws -> ParameterVector {
        let name = CoordinatorDisk.CheckpointName(job: status.job, round: status.round)
        let recipe = try JobRecipe(specification)
        return recipe.model(of: coordinator.disk.checkpoints[name]?.model ?? recipe.initialVector())
    }
}
