// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rounds

struct JobMachineCancelTests {
    /// A stage of a job's life.
    enum Stage: CaseIterable {
        case queued, preparing, gathering, starting, training, recording, folding, committing, abandoning, evaluating
    }

    @Test(arguments: Stage.allCases)
    func cancelEndsTheJobInEveryStage(_ stage: Stage) {
        let all = agents(2)
        let policy = RoundPolicy(quorum: 1, belowQuorum: .abandon)
        var job = JobDriver(.sample(agents: 2, rounds: 1, round: policy, evaluateEvery: 1), agents: all)
        var late: [JobInput] = [.timer]
        if stage == .gathering { job.machine.setAvailable([all[0]]) }
        if stage == .preparing {
            job.holdsModels = true
            late = [.modelReady(.sample(0))]
        }
        job.holds = { record in
            switch (stage, record) {
            case (.starting, .roundStarted), (.committing, .committed), (.abandoning, .abandoned): true
            case (.recording, .accepted): true
            default: false
            }
        }
        job.holdsFolds = stage == .folding
        if stage != .queued { job.give(.begin) }
        switch stage {
        case .recording: job.verify(all[0])
        case .folding, .committing: for agent in all { job.verify(agent) }
        case .abandoning: job.waitForDeadline()
        case .evaluating:
            // The last evaluation is on its way while the operator cancels.
            var machine = job.machine
            for agent in all {
                for action in machine.handle(.verified(.sample(agent)), at: job.now) {
                    guard case .record(_, let record) = action else { continue }
                    for next in machine.handle(.recorded(record), at: job.now) {
                        guard case .fold = next else { continue }
                        _ = machine.handle(.folded(.sample(1)), at: job.now)
                        _ = machine.handle(.recorded(.committed), at: job.now)
                    }
                }
            }
            job.machine = machine
            late = [.evaluated(RoundNumber(1), EvaluationSummary())]
        default: break
        }
        late += job.held.map { .recorded($0) } + [.folded(.sample(1))]
        job.clear()
        job.give(.cancel)
        #expect(job.hasEnded && job.machine.isOver && job.machine.status.phase == .cancelled)
        if stage == .training { #expect(job.withdrawn.map(\.1) == [.jobCancelled, .jobCancelled]) }
        // What was under way arrives late and changes nothing.
        let ended = job.machine.status.phase
        job.clear()
        for input in late { job.give(input) }
        job.give(.cancel)
        #expect(job.machine.status.phase == ended && job.tasks.isEmpty && job.commits.isEmpty && !job.hasEnded)
        #expect(job.recovered.phase == .cancelled)
    }
}
