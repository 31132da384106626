// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds

/// Lets faults happen in a world until it is told to heal it.
final class FaultInjector {
    private let world: VirtualWorld
    private let rates: FaultRates
    private var generator: SeededGenerator
    private var isActive = true
    private(set) var faultCount = 0

    init(world: VirtualWorld, rates: FaultRates, seed: Seed) {
        self.world = world
        self.rates = rates
        generator = SeededGenerator(seed: seed.deriving("faults"))
    }

    /// Begins with every kind of fault that the rates name.
    func start() {
        let faults = rates
        repeatedly(faults.disconnect) { $0.disconnect() }
        repeatedly(faults.clog) { $0.clog() }
        repeatedly(faults.partition) { $0.partition() }
        repeatedly(faults.coordinatorKill) { $0.endCoordinator(.kill) }
        repeatedly(faults.powerLoss) { $0.endCoordinator(.powerLoss) }
        repeatedly(faults.agentKill) { $0.endAgent(wipingDisk: false) }
        repeatedly(faults.agentWipe) { $0.endAgent(wipingDisk: true) }
        repeatedly(faults.fullDisk) { $0.fillDisk() }
    }

    /// Ends all faults: lines are open, disks have space, processes run.
    func heal() {
        isActive = false
        world.network.unblockAll()
        world.coordinator.disk.isFull = false
        if !world.coordinator.isRunning { world.coordinator.start() }
        for agent in world.agents where !agent.isRunning { agent.start() }
    }

    // MARK: - Faults

    private func disconnect() {
        let link = generator.below(world.network.linkCount)
        guard let connection = world.network.connection(over: link) else { return }
        world.network.sever(connection, silently: generator.below(3) == 0)
    }

    private func clog() {
        let link = generator.below(world.network.linkCount)
        let direction: VirtualConnection.Direction = generator.below(2) == 0 ? .up : .down
        world.network.block(link, direction, until: world.clock.now.advanced(by: outage()))
    }

    /// Cuts some of the agents off, in one direction or both.
    private func partition() {
        let until = world.clock.now.advanced(by: outage())
        let directions = generator.below(3)
        for link in 0..<world.network.linkCount where generator.below(2) == 0 {
            if directions != 1 { world.network.block(link, .up, until: until) }
            if directions != 0 { world.network.block(link, .down, until: until) }
        }
    }

    private func endCoordinator(_ kind: CoordinatorHost.CrashKind) {
        guard world.coordinator.isRunning else { return }
        world.coordinator.crash(kind)
        after(outage(), even: true) { injector in
            if !injector.world.coordinator.isRunning { injector.world.coordinator.start() }
        }
    }

    private func endAgent(wipingDisk: Bool) {
        let agent = world.agents[generator.below(world.agents.count)]
        guard agent.isRunning else { return }
        agent.crash(wipingDisk: wipingDisk)
        after(outage(), even: true) { _ in
            if !agent.isRunning { agent.start() }
        }
    }

    private func fillDisk() {
        world.coordinator.disk.isFull = true
        after(outage(), even: true) { $0.world.coordinator.disk.isFull = false }
    }

    // MARK: - Times

    private func outage() -> Duration { .virtual(seconds: 0.05 + exponential(rates.outageSeconds)) }

    private func exponential(_ mean: Double) -> Double {
        // The series -ln(1 - u) without the C library: the same bits everywhere.
        var remaining = generator.uniform()
        var sum = 0.0
        while remaining > 0.5 {
            remaining = 2 * remaining - 1
            sum += 0.693_147_180_559_945_3
        }
        return mean * (sum + remaining * (1 + remaining * 0.5))
    }

    private func repeatedly(_ mean: Double?, _ fault: @escaping (FaultInjector) -> Void) {
        guard let mean else { return }
        after(exponential(mean)) { injector in
            injector.faultCount += 1
            fault(injector)
            injector.repeatedly(mean, fault)
        }
    }

    private func after(_ seconds: Double, _ body: @escaping (FaultInjector) -> Void) {
        world.clock.schedule(after: .virtual(seconds: seconds)) { [weak self] in
            guard let self, isActive else { return }
            body(self)
        }
    }

    private func after(_ delay: Duration, even afterHealing: Bool, _ body: @escaping (FaultInjector) -> Void) {
        world.clock.schedule(after: delay) { [weak self] in
            guard let self, isActive || afterHealing else { return }
            body(self)
        }
    }
}
