// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Rounds
import Testing

@testable import Simulation

/// Devices and a coordinator in virtual worlds with faults: real state machines, a pseudo cloud.
struct AdaptationWorldTests {
    /// Watches what devices were told of their samples.
    private final class Watcher: WorldObserver {
        var violations: [String] = []
        var accepted: [SampleKey: BlobDigest] = [:]
        var refused: [SampleKey: ReasonCode] = [:]

        func settled(_ key: SampleKey, _ digest: BlobDigest, _ verdict: SampleVerdict) {
            if verdict.isAccepted { accepted[key] = digest } else { refused[key] = verdict.reason }
        }

        func violation(_ text: String) { violations.append(text) }
        func produced(_ offer: UpdateOffer, delta: ParameterVector) {}
        func acknowledged(_ key: UpdateKey) {}
        func committed(_ job: JobID, _ round: RoundNumber, model: BlobDigest) {}
        func durable(_ job: JobID, _ round: RoundNumber) {}
        func crashed(losingPower: Bool) {}
        func recovered(_ jobs: [RecoveredJob], journal: [JournalEntry]) {}
    }

    private struct Outcome {
        let watcher: Watcher
        let world: VirtualWorld
        let faults: Int
        let isDone: Bool

        var machine: AdaptationMachineView { AdaptationMachineView(world.coordinator) }
    }

    /// What the journal says is held.
    private struct AdaptationMachineView {
        let kept: [SampleKey: BlobDigest]
        let receipts: [PurgeReceipt]

        init(_ coordinator: CoordinatorHost) {
            var job = RecoveredJob(job: JobID(1), specification: JobSpecification())
            for entry in coordinator.disk.journal { job.apply(entry) }
            kept = Dictionary(uniqueKeysWithValues: job.samples.map { ($0.key, $0.digest) })
            receipts = job.receipts
        }
    }

    private func run(seed: UInt64, faults: FaultRates, purges: Bool = false, devices: Int = 4) -> Outcome {
        let watcher = Watcher()
        let world = VirtualWorld(
            recipe: .pseudo,
            transport: WireTransport(),
            configuration: CoordinatorConfiguration(chunkBytes: 1_000),
            durations: CoordinatorDurations(),
            canary: nil,
            observer: watcher,
            seed: Seed(seed)
        )
        let job = JobSpecification(
            name: "streams",
            minimumAgents: devices,
            model: ModelSpecification(kind: "vector", input: [1], classes: 1, hidden: [], elements: 40),
            adaptation: .mapping([:])
        )
        let profiles = (0..<devices).map { number in
            AgentProfile(stream: StreamProfile(batches: 12, interval: .milliseconds(300 + 50 * number)))
        }
        world.start(agents: profiles, jobs: [job], seed: Seed(seed))
        let injector = FaultInjector(world: world, rates: faults, seed: Seed(seed))
        injector.start()
        if purges {
            world.clock.schedule(after: .seconds(3)) { world.person?.purge(world.agents[0].agent) }
        }
        world.clock.schedule(after: .seconds(60)) { injector.heal() }
        let isDone = world.run(until: Instant(.seconds(900)))
        // The operator may ask after the job's end.
        while purges, world.person?.receipts.isEmpty == true, world.clock.now < Instant(.seconds(1_000)) {
            guard world.clock.runNext() else { break }
        }
        return Outcome(watcher: watcher, world: world, faults: injector.faultCount, isDone: isDone)
    }

    /// Every fault that an agent's own disk survives.
    private static let rates = FaultRates(
        disconnect: 2,
        clog: 5,
        partition: 12,
        coordinatorKill: 6,
        powerLoss: 15,
        agentKill: 4,
        fullDisk: 20,
        outageSeconds: 1.5
    )

    private func check(_ outcome: Outcome, _ seed: UInt64) {
        #expect(outcome.watcher.violations.isEmpty, "seed \(seed): \(outcome.watcher.violations)")
        #expect(outcome.isDone, "seed \(seed): the job did not end")
        let held = outcome.machine
        for (key, digest) in outcome.watcher.accepted {
            let isGone = held.receipts.contains { $0.agent == key.agent && key.sequence <= $0.lastSequence }
            #expect(isGone || held.kept[key] == digest, "seed \(seed): \(key) was accepted and is not held")
            #expect(outcome.world.coordinator.disk.samples[key] != nil || isGone, "seed \(seed): \(key) lost its bytes")
        }
    }

    @Test func everyBatchOfAQuietWorldIsHeldAndLearntFrom() {
        let outcome = run(seed: 1, faults: FaultRates())
        check(outcome, 1)
        #expect(outcome.watcher.accepted.count == 48 && outcome.watcher.refused.isEmpty)
        #expect(outcome.machine.kept.count == 48)
        #expect(outcome.world.coordinator.learned.count == 48)
        #expect(outcome.world.agents.allSatisfy { $0.disk.samples.isEmpty && $0.disk.appliedVersion == 12 })
    }

    @Test(arguments: 0..<4)
    func noFaultLosesAnAcceptedBatch(_ slice: UInt64) {
        var faults = 0
        for seed in (UInt64(1)...40) where seed % 4 == slice {
            let outcome = run(seed: seed, faults: Self.rates)
            check(outcome, seed)
            // Nothing was wiped: all that devices sent came to be held.
            #expect(outcome.machine.kept.count == 48, "seed \(seed): \(outcome.machine.kept.count) of 48 are held")
            #expect(outcome.watcher.refused.isEmpty, "seed \(seed): \(outcome.watcher.refused)")
            faults += outcome.faults
        }
        #expect(faults > 50, "worlds without faults show nothing")
    }

    @Test(arguments: UInt64(41)...52)
    func aDeviceThatLosesItsDiskGoesOnWithNewNumbers(_ seed: UInt64) {
        var rates = Self.rates
        rates.agentWipe = 5
        check(run(seed: seed, faults: rates), seed)
    }

    @Test(arguments: UInt64(61)...72)
    func deletedSamplesStayDeletedWhateverFails(_ seed: UInt64) {
        let outcome = run(seed: seed, faults: Self.rates, purges: true)
        check(outcome, seed)
        let receipts = outcome.machine.receipts
        #expect(!receipts.isEmpty, "seed \(seed): nothing was deleted")
        for receipt in receipts {
            let left = outcome.world.coordinator.disk.samples.keys.filter {
                $0.agent == receipt.agent && $0.sequence <= receipt.lastSequence
            }
            #expect(left.isEmpty, "seed \(seed): \(left) are still on the disk")
        }
        #expect(outcome.world.person?.receipts.isEmpty == false, "seed \(seed): the operator has no receipt")
    }

    @Test func theSameSeedGivesTheSameEvents() {
        let hashes = (0..<2).map { _ in run(seed: 7, faults: Self.rates).world.log.hash }
        #expect(hashes[0] == hashes[1])
    }
}
