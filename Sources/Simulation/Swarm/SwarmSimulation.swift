// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Rounds

/// Runs jobs in a world full of faults, then heals it, and checks what must hold in every world.
///
/// 1. *Safety*: faults of the kinds that the seed draws happen at random. No checker may object.
/// 2. *Liveness*: all faults end. Every job must be over within a bounded virtual time.
public struct SwarmSimulation: Sendable {
    /// What a run gives.
    public struct Result: Sendable {
        /// The seed.
        public var seed: UInt64
        /// What the checkers object to; empty for a good run.
        public var violations: [String]
        /// Stands for everything that happened: equal for equal runs.
        public var eventHash: UInt64
        /// The events that happened.
        public var eventCount: Int
        /// Faults that were injected.
        public var faultCount: Int
        /// Coordinator processes that ended by force.
        public var crashCount: Int
        /// Rounds that were committed.
        public var committedRounds: Int
        /// Jobs that finished, were cancelled or failed.
        public var endedJobs: [String: Int]
        /// The virtual time that passed.
        public var virtualTime: Duration

        /// One line that repeats the run; for the log of a failing test.
        public var reproduction: String {
            "swarm seed \(seed): \(violations.first ?? "no violation"); repeat with TRIBUTARY_SEED=\(seed)"
        }
    }

    /// Virtual time that a healed world may take to end its jobs.
    static let livenessLimit: Duration = .seconds(3_600)

    let recipe: LearningRecipe
    let canary: Canary?

    /// Creates a swarm.
    public init() {
        self.init(canary: nil)
    }

    package init(canary: Canary?) {
        recipe = .pseudo
        self.canary = canary
    }

    /// Runs the world of one seed.
    ///
    /// - Parameter trace: takes a line for each event.
    public func run(seed number: UInt64, trace: ((String) -> Void)? = nil) -> Result {
        let seed = Seed(number)
        let parameters = SwarmParameters(seed: seed)
        let history = History()
        let world = VirtualWorld(
            recipe: recipe,
            transport: ValueTransport(),
            configuration: parameters.coordinator,
            durations: parameters.durations,
            canary: canary,
            observer: history,
            seed: seed
        )
        world.log.trace = trace
        world.start(agents: parameters.agents, jobs: parameters.jobs, seed: seed)
        if let poisoner = parameters.poisoner {
            world.agents[poisoner].tampers = { task, outcome in
                if task.seed % 2 == 0 { outcome.delta[0] = .nan }
            }
        }
        let injector = FaultInjector(world: world, rates: parameters.faults, seed: seed)
        injector.start()
        if let cancelAfter = parameters.cancelAfter {
            world.clock.schedule(after: .virtual(seconds: cancelAfter)) { world.person?.cancelCurrent() }
        }
        _ = world.run(until: Instant(.virtual(seconds: parameters.safetySeconds)))
        world.log.note("healed")
        injector.heal()
        let isDone = world.run(until: world.clock.now.advanced(by: Self.livenessLimit))
        if !isDone { history.violation("I9: a healed world did not end its jobs: \(Self.describe(world))") }
        let journal = JournalReading(world.coordinator.disk.journal)
        let models = check(journal, history)
        if parameters.isFull { compare(models, parameters, seed, journal, history) }
        return Result(
            seed: number,
            violations: history.violations,
            eventHash: world.log.hash,
            eventCount: world.log.count,
            faultCount: injector.faultCount,
            crashCount: history.crashes,
            committedRounds: journal.commits.count,
            endedJobs: Dictionary(journal.ended.values.map { ("\($0)", 1) }, uniquingKeysWith: +),
            virtualTime: world.clock.now.sinceStart
        )
    }

    private func check(_ journal: JournalReading, _ history: History) -> [JobID: BlobDigest] {
        RoundChecker.check(journal, report: history.violation)
        UpdateChecker.check(journal, history, report: history.violation)
        return ModelChecker.check(journal, history, report: history.violation)
    }

    /// With every agent in every round the final models are those of a world without faults.
    private func compare(
        _ models: [JobID: BlobDigest],
        _ parameters: SwarmParameters,
        _ seed: Seed,
        _ journal: JournalReading,
        _ history: History
    ) {
        for (id, specification) in journal.specifications.sorted(by: { $0.key < $1.key }) {
            var calm = specification
            calm.evaluateEvery = 0
            let simulation = ProtocolSimulation(recipe: recipe, configuration: parameters.coordinator)
            let profiles = parameters.agents.map { _ in AgentProfile() }
            guard let undisturbed = try? simulation.run(job: calm, agents: profiles, seed: seed) else {
                history.violation("the undisturbed run of \(id) does not end")
                continue
            }
            if models[id] != undisturbed.status.modelDigest {
                history.violation("the final model of \(id) differs from that of the undisturbed run")
            }
        }
    }

    private static func describe(_ world: VirtualWorld) -> String {
        let jobs = world.person?.statuses.values.sorted { $0.job < $1.job } ?? []
        return jobs.map { "\($0.job) \($0.phase) in round \($0.round) \($0.message)" }.joined(separator: "; ")
    }
}
