// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds

/// A coordinator, its agents and an operator in virtual time: one thread, one seed, the same events in every run.
final class VirtualWorld {
    let clock = VirtualClock()
    let log: EventLog
    let network: VirtualNetwork
    let recipe: LearningRecipe
    let transport: any MessageTransport
    let canary: Canary?
    let observer: (any WorldObserver)?
    private(set) var agents: [AgentHost] = []
    private(set) var coordinator: CoordinatorHost
    private(set) var person: OperatorHost?

    init(
        recipe: LearningRecipe,
        transport: any MessageTransport,
        configuration: CoordinatorConfiguration,
        durations: CoordinatorDurations,
        canary: Canary?,
        observer: (any WorldObserver)?,
        seed: Seed
    ) {
        log = EventLog(clock: clock)
        network = VirtualNetwork(clock: clock, log: log, seed: seed.deriving("network"))
        self.recipe = recipe
        self.transport = transport
        self.canary = canary
        self.observer = observer
        coordinator = CoordinatorHost(
            clock: clock,
            log: log,
            network: network,
            recipe: recipe,
            configuration: configuration,
            durations: durations,
            transport: transport,
            canary: canary,
            seed: seed.deriving("disk")
        )
        coordinator.observer = observer
    }

    /// Adds the agents, the operator with these jobs, and starts everything.
    func start(agents profiles: [AgentProfile], jobs: [JobSpecification], seed: Seed) {
        coordinator.start()
        for (index, profile) in profiles.enumerated() {
            let name = AgentID(number: index + 1, of: profiles.count)
            let host = AgentHost(
                agent: name,
                number: index,
                world: self,
                profile: profile,
                seed: seed.deriving("agent", name.name)
            )
            agents.append(host)
            clock.schedule(after: profile.startsAfter) { [weak host] in
                guard let host, !host.isRunning else { return }
                host.start()
            }
        }
        let person = OperatorHost(world: self, specifications: jobs)
        self.person = person
        person.start()
    }

    /// Runs events until a time, or until every job is over.
    ///
    /// - Returns: whether every job is over.
    func run(until end: Instant) -> Bool {
        while person?.isDone == false, clock.now < end {
            guard clock.runNext() else { break }
        }
        return person?.isDone == true
    }
}
