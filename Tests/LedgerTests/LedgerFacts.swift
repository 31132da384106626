// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds
import Selection

/// Makes random facts that can follow one another, as jobs journal them, and tells what they come to.
struct LedgerFacts {
    private var generator: SeededGenerator
    private(set) var jobs: [JobID: RecoveredJob] = [:]
    private let agents = (1...7).map { AgentID(number: $0, of: 7) }

    init(seed: UInt64) {
        generator = SeededGenerator(seed: Seed(seed))
    }

    /// What a recovery must give after all facts so far.
    var expected: [RecoveredJob] { Self.normalized(jobs) }

    static func normalized(_ jobs: [JobID: RecoveredJob]) -> [RecoveredJob] {
        jobs.values.sorted { $0.job < $1.job }.map { job in
            var job = job
            // Accepted updates may come in any order; the ledger gives that of the agents.
            job.open?.accepted.sort { $0.key < $1.key }
            return job
        }
    }

    static func apply(_ entries: [JournalEntry], to jobs: inout [JobID: RecoveredJob]) {
        for entry in entries {
            if case .submitted(let job, let specification) = entry {
                jobs[job] = RecoveredJob(job: job, specification: specification)
            }
            jobs[entry.job]?.apply(entry)
        }
    }

    /// The next few facts, not yet taken into account.
    mutating func next() -> [JournalEntry] {
        guard let job = jobs.keys.sorted().randomElement(using: &generator), generator.below(12) > 0,
            let state = jobs[job]
        else {
            var specification = JobSpecification(name: "jöb '\(jobs.count)'", seed: .max - generator.next() % 9)
            specification.training.settings = ["mu": 0.1 + generator.uniform()]
            if jobs.count % 2 == 1 { specification.round = RoundPolicy(mode: .buffered, cohort: 2, concurrency: 4) }
            if jobs.count % 3 > 0 {
                if jobs.count % 2 == 0 { specification.round.cohort = 3 }
                let policy = jobs.count % 3 == 1 ? "uncertainty:cap=3" : "power-of-choice"
                specification.selection = (try? ClientPolicy(parsing: policy)).map {
                    SelectionSpecification(policy: $0)
                }
            }
            return [.submitted(JobID(UInt64(jobs.count + 1)), specification)]
        }
        switch generator.below(12) {
        case 10: return [.samplesKept(samples(of: job, state))]
        case 11: return [.samplesPurged(receipt(of: job, state))]
        case 0:
            return [.phase(job, JobPhase.allCases[generator.below(6)], message: "it's \u{1F600} \(generator.below(9))")]
        case 1:
            let rounds = UInt32(state.committed.count)
            let round = max(rounds, state.evaluation?.round.value ?? 0)
            var summary = EvaluationSummary(sampleCount: generator.next(), correctCount: 7, lossSum: generator.normal())
            if generator.below(2) == 0 {
                let counts = (0..<9).map { _ in UInt64(generator.below(1_000)) }
                summary.answers = AnswerCounts(classes: 3, seenClasses: generator.below(4), counts: counts)
            }
            return [.evaluated(job, RoundNumber(round), summary)]
        default: break
        }
        guard let open = state.open else {
            if let task = state.carried.first, generator.below(3) == 0 { return [.refused(task.key, .agentLost)] }
            let round = RoundNumber(UInt32(state.committed.count)).next
            let cohort = Set(agents.prefix(1 + generator.below(7))).union(state.carried.map(\.key.agent))
            return [
                .roundStarted(
                    job,
                    round,
                    attempt: state.abandonedAttempts + 1,
                    cohort: cohort.sorted(),
                    carried: state.carried,
                    reasons: reasons(of: cohort.count)
                )
            ]
        }
        return inRound(job, open)
    }

    private func lastSequence(_ agent: AgentID, _ state: RecoveredJob) -> UInt64 {
        let kept = state.samples.filter { $0.key.agent == agent }.map(\.key.sequence)
        return (kept + state.receipts.filter { $0.agent == agent }.map(\.lastSequence)).max() ?? 0
    }

    private mutating func samples(of job: JobID, _ state: RecoveredJob) -> KeptSamples {
        let agent = agents[generator.below(agents.count)]
        let sequence = lastSequence(agent, state) + 1 + UInt64(generator.below(3))
        return KeptSamples(
            key: SampleKey(job: job, agent: agent, sequence: sequence),
            digest: BlobDigest(high: generator.next(), low: generator.next()),
            byteCount: 1 + generator.below(1 << 20),
            sampleCount: 1 + generator.below(65_535)
        )
    }

    private mutating func receipt(of job: JobID, _ state: RecoveredJob) -> PurgeReceipt {
        let agent = agents[generator.below(agents.count)]
        return PurgeReceipt(
            job: job,
            agent: agent,
            number: UInt64(state.receipts.count { $0.agent == agent }) + 1,
            lastSequence: lastSequence(agent, state),
            batchCount: generator.next() >> 2,
            sampleCount: generator.next() >> 2,
            byteCount: generator.next() >> 2,
            digest: BlobDigest(high: generator.next(), low: generator.next())
        )
    }

    private mutating func reasons(of count: Int) -> SelectionReasons {
        let rules = ClientChoice.Reason.allCases
        if generator.below(3) == 0 { return SelectionReasons(rules[generator.below(rules.count)], count: count) }
        return SelectionReasons(
            (0..<count).map { _ in
                let value = generator.below(4) == 0 ? -Double.infinity : generator.normal()
                return .init(rules[generator.below(rules.count)], value: generator.below(2) == 0 ? value : nil)
            }
        )
    }

    private mutating func inRound(_ job: JobID, _ open: RecoveredJob.OpenRound) -> [JournalEntry] {
        func key(_ agent: AgentID) -> UpdateKey {
            open.key(of: agent, job)
        }
        let who = open.cohort[generator.below(open.cohort.count)]
        switch generator.below(12) {
        case 0: return [.roundAbandoned(job, open.round, attempt: open.attempt)]
        case 1...2:
            let digest = BlobDigest(high: generator.next(), low: generator.next())
            return [
                .roundCommitted(
                    job,
                    CommittedRound(
                        round: open.round,
                        modelDigest: digest,
                        updates: open.accepted,
                        elapsed: .nanoseconds(generator.below(1 << 40))
                    )
                )
            ]
        case 3...4:
            let reason = ReasonCode.allCases[generator.below(ReasonCode.allCases.count)]
            let late = UpdateKey(job: job, round: RoundNumber(99), attempt: 1, agent: who)
            return [.refused(generator.below(4) == 0 ? late : key(who), reason)]
        default:
            return (0...generator.below(2)).map { _ in
                let agent = open.cohort[generator.below(open.cohort.count)]
                return .accepted(
                    AcceptedUpdate(
                        key: key(agent),
                        digest: BlobDigest(high: generator.next(), low: generator.next()),
                        byteCount: generator.below(1 << 40),
                        weight: generator.uniform() * 1e3,
                        steps: generator.next(),
                        trainedSamples: generator.next() >> 20,
                        loss: generator.normal(),
                        trainingTime: .nanoseconds(generator.below(1 << 50)),
                        norm: generator.uniform(),
                        uncertainty: generator.below(3) == 0 ? nil : generator.uniform(),
                        round: open.round,
                        staleness: open.round.value - key(agent).round.value
                    )
                )
            }
        }
    }

    mutating func take(_ entries: [JournalEntry]) {
        Self.apply(entries, to: &jobs)
    }
}

extension JournalEntry {
    var job: JobID {
        switch self {
        case .submitted(let job, _), .phase(let job, _, _), .roundStarted(let job, _, _, _, _, _),
            .roundAbandoned(let job, _, _),
            .roundCommitted(let job, _), .evaluated(let job, _, _):
            job
        case .accepted(let update): update.key.job
        case .refused(let key, _): key.job
        case .samplesKept(let samples): samples.key.job
        case .samplesPurged(let receipt): receipt.job
        }
    }
}
