// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds
import Selection

/// What one seed's world is like: drawn at random from wide ranges, so that many seeds meet many mixtures of faults.
struct SwarmParameters: Sendable {
    var jobs: [JobSpecification]
    var agents: [AgentProfile]
    var coordinator: CoordinatorConfiguration
    var durations: CoordinatorDurations
    var faults: FaultRates
    /// How long faults happen, in seconds.
    var safetySeconds: Double
    /// An agent that makes updates which are not finite now and then.
    var poisoner: Int?
    /// When the operator cancels the job that runs, in seconds.
    var cancelAfter: Double?
    /// Whether every round must have every agent's update: then the final models are those of the undisturbed run.
    var isFull: Bool

    init(seed: Seed) {
        var generator = SeededGenerator(seed: seed.deriving("swarm"))
        func range(_ low: Double, _ high: Double) -> Double { low + (high - low) * generator.uniform() }
        func chance(_ probability: Double) -> Bool { generator.uniform() < probability }
        isFull = chance(0.5)
        let agentCount = 3 + generator.below(6)
        safetySeconds = range(30, 150)
        let outageSeconds = range(1, 12)
        func rate() -> Double? { chance(0.5) ? range(5, 60) : nil }
        faults = FaultRates(
            disconnect: rate(),
            clog: rate(),
            partition: rate(),
            coordinatorKill: rate(),
            powerLoss: rate(),
            agentKill: rate(),
            agentWipe: rate(),
            fullDisk: rate(),
            outageSeconds: outageSeconds
        )
        coordinator = CoordinatorConfiguration(
            heartbeat: .seconds(2),
            silenceLimit: .seconds(6),
            reconnectEarliest: .milliseconds(50),
            reconnectLatest: .milliseconds(1 + generator.below(2_000) + 50),
            agentGrace: .virtual(seconds: range(1, 20)),
            helloLimit: .seconds(5),
            concurrentUploads: 1 + generator.below(agentCount),
            chunkBytes: 64 << generator.below(4)
        )
        durations = CoordinatorDurations(
            record: .virtual(seconds: range(0.000_1, 0.05)),
            openSpool: .virtual(seconds: range(0.000_1, 0.02)),
            check: .virtual(seconds: range(0.000_1, 0.05)),
            prepare: .virtual(seconds: range(0.000_1, 0.5)),
            fold: .virtual(seconds: range(0.000_1, 0.5)),
            synchronize: .virtual(seconds: range(0.001, 2))
        )
        agents = (0..<agentCount).map { _ in
            let link = LinkProfile(
                latency: .virtual(seconds: range(0.000_1, 0.1)),
                jitter: .virtual(seconds: range(0, 0.1)),
                bytesPerSecond: range(300, 50_000)
            )
            return AgentProfile(
                link: link,
                training: .virtual(seconds: range(0.05, 8)),
                evaluation: .virtual(seconds: range(0.01, 1)),
                startsAfter: .virtual(seconds: range(0, 3))
            )
        }
        poisoner = !isFull && chance(0.3) ? generator.below(agentCount) : nil
        cancelAfter = !isFull && chance(0.15) ? range(1, 40) : nil
        jobs = []
        for number in 1...(1 + generator.below(2)) {
            jobs.append(Self.job(number, agentCount, isFull, &generator))
        }
        for index in jobs.indices where generator.below(2) == 0 { Self.giveMemory(to: &jobs[index], &generator) }
        for index in jobs.indices where !isFull && generator.below(2) == 0 {
            Self.carryWork(of: &jobs[index], agentCount, &generator)
        }
        for index in jobs.indices where generator.below(3) > 0 {
            Self.chooseByScores(&jobs[index], &agents, &generator)
        }
        // An agent that comes back without its disk cannot go on where it was.
        if jobs.contains(where: { $0.codec.uplink.contains("+") }) { faults.agentWipe = nil }
    }

    /// Makes a job one whose rounds follow from all rounds before: codecs and optimizers with memories, models that
    /// travel as changes.
    private static func giveMemory(to job: inout JobSpecification, _ generator: inout SeededGenerator) {
        let uplinks = [
            "fp32", "topk:fraction=0.2+ef14", "topk:fraction=0.3+ef21", "ecdq:bits=2", "stc:fraction=0.2+dgc",
        ]
        job.codec.uplink = uplinks[generator.below(uplinks.count)]
        if generator.below(2) == 0 {
            job.codec.anchor = ["int8", "fp32", "eden:bits=4"][generator.below(3)]
            job.codec.anchorEvery = 1 + generator.below(4)
            job.codec.downlink = ["int4", "ecdq:bits=2", "topk:fraction=0.3"][generator.below(3)]
        }
        let optimizers = ["plain", "fedavgm", "fedadam", "fedyogi", "feddyn", "fedhyper-g", "fedhyper-sl"]
        job.strategy.optimizer = optimizers[generator.below(optimizers.count)]
    }

    /// Makes a job one that chooses by what is known of its agents, where it chooses at all.
    private static func chooseByScores(
        _ job: inout JobSpecification,
        _ agents: inout [AgentProfile],
        _ generator: inout SeededGenerator
    ) {
        let chooses = job.round.mode == .buffered ? job.round.concurrency > 0 : job.round.cohort > 0
        let names = chooses ? ["weighted", "power-of-choice:candidates=3", "uncertainty:exploration=0.3"] : ["uniform"]
        guard let policy = try? ClientPolicy(parsing: names[generator.below(names.count)]) else { return }
        job.selection = SelectionSpecification(policy: policy)
        for index in agents.indices { agents[index].resources["samples"] = Double(generator.below(500)) }
    }

    /// Makes a job one whose work goes on beyond its rounds.
    private static func carryWork(
        of job: inout JobSpecification,
        _ agentCount: Int,
        _ generator: inout SeededGenerator
    ) {
        if job.strategy.optimizer == "feddyn" { job.strategy.optimizer = "plain" }
        job.round.overSelection = 0
        job.rounds += generator.below(4)
        guard generator.below(2) == 0 else {
            job.round.mode = .overlapped
            return
        }
        job.round.mode = .buffered
        job.round.cohort = 1 + generator.below(agentCount)
        job.round.concurrency =
            generator.below(2) == 0 ? 0 : job.round.cohort + generator.below(agentCount - job.round.cohort + 1)
        job.round.maximumStaleness = generator.below(6)
    }

    private static func job(
        _ number: Int,
        _ agentCount: Int,
        _ isFull: Bool,
        _ generator: inout SeededGenerator
    ) -> JobSpecification {
        let deadline = DurationText(.seconds(15 + generator.below(45)))
        let policy: RoundPolicy
        if isFull {
            policy = RoundPolicy(quorum: 1, deadline: deadline, belowQuorum: .extend, maximumExtensions: 10_000)
        } else {
            let cohort = generator.below(agentCount + 1)
            policy = RoundPolicy(
                cohort: cohort,
                overSelection: generator.below(2) == 0 ? 0 : 0.5,
                quorum: 0.3 + 0.7 * generator.uniform(),
                minimumUpdates: 1,
                deadline: deadline,
                belowQuorum: RoundPolicy.BelowQuorum.allCases[generator.below(3)],
                maximumExtensions: generator.below(3),
                maximumAttempts: 2 + generator.below(4)
            )
        }
        return JobSpecification(
            name: "job \(number)",
            seed: generator.next() >> 1,
            rounds: 2 + generator.below(4),
            minimumAgents: isFull ? agentCount : 1 + generator.below(agentCount),
            model: ModelSpecification(kind: "vector", elements: 20 + generator.below(200)),
            strategy: JobSpecification.Strategy(serverLearningRate: 0.5 + generator.uniform()),
            round: policy,
            evaluateEvery: generator.below(3)
        )
    }
}
