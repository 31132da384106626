// SPDX-License-Identifier: Apache-2.0

import Digest
import ModelState
import RoundWork
import Rounds

extension FastSimulation {
    /// Refuses scenarios whose rounds leave work under way, or whose clients' memory is spread over ranks.
    static func checkCheckpoints(
        _ scenario: Scenario,
        _ recipe: JobRecipe,
        _ ranks: any SimulationRanks
    ) throws {
        guard ranks.count == 1 || !recipe.agentsRemember else {
            throw SimulationError(
                .notResumable,
                "clients that remember something have checkpoints in one process only; start it without mpirun"
            )
        }
        guard !scenario.job.round.carriesWork else {
            throw SimulationError(
                .notResumable,
                "rounds of mode \(scenario.job.round.mode.rawValue) leave clients at work; only synchronous ones have "
                    + "checkpoints"
            )
        }
    }

    /// What is needed to go on after the last committed round.
    func makeCheckpoint(_ journal: RecoveredJob) throws -> SimulationCheckpoint {
        let words = SimulationCheckpoint.Words(
            scenario: try SimulationCheckpoint.scenarioText(scenario),
            rounds: rounds.map(SimulationCheckpoint.Round.init),
            refusedUpdates: journal.refusedUpdates,
            lastCounted: Dictionary(
                uniqueKeysWithValues: journal.lastCounted.map { (number(of: $0), [$1.round.value, $1.attempt]) }
            ),
            evaluatedRound: journal.evaluation?.round.value,
            evaluation: journal.evaluation?.summary,
            bytesDown: bytesDown,
            virtualNow: .init(virtualNow.sinceStart),
            updateCount: updateCount,
            trainingElapsed: .init(trainingElapsed),
            elapsed: .init(elapsed),
            traffic: traffic,
            held: held.mapValues(\.round.value),
            selection: scenario.job.clientSelection.remembers ? committedSelection : nil
        )
        return SimulationCheckpoint(
            words: words,
            model: model.vector,
            roundState: model.roundState,
            memories: memories.mapValues(\.packed)
        )
    }

    /// The job as it was after the checkpoint's round.
    static func journal(_ words: SimulationCheckpoint.Words, of scenario: Scenario) throws -> RecoveredJob {
        guard words.scenario == (try SimulationCheckpoint.scenarioText(scenario)) else {
            throw SimulationError(
                .unusableCheckpoint,
                "the checkpoint is of another scenario; only 'rounds', 'threads' and 'target' may change"
            )
        }
        let agents = scenario.agents
        var journal = RecoveredJob(job: JobID(1), specification: scenario.job)
        journal.phase = .running
        journal.committed = words.rounds.map(\.result.committed)
        journal.refusedUpdates = words.refusedUpdates
        for (client, counted) in words.lastCounted where counted.count == 2 && agents.indices.contains(client) {
            journal.lastCounted[agents[client]] = CountedUpdate(round: RoundNumber(counted[0]), attempt: counted[1])
        }
        if let selection = words.selection { journal.selection = selection }
        if let round = words.evaluatedRound, let summary = words.evaluation {
            journal.evaluation = (RoundNumber(round), summary)
        }
        return journal
    }

    /// The model that a client holds: the chain of the current one up to the round that it loaded.
    func heldReference(_ round: UInt32) -> ModelReference? {
        let parts = Array(model.prepared.reference.parts.prefix { $0.round.value <= round })
        return parts.last.map { ModelReference($0, after: Array(parts.dropLast())) }
    }
}

extension SimulationCheckpoint.Round {
    init(_ round: SimulationResult.Round) {
        let committed = round.committed
        self.round = committed.round.value
        digest = "\(committed.modelDigest)"
        updateCount = committed.updateCount
        weight = committed.weight
        bytesUp = committed.bytesUp
        bytesUpByKind = committed.bytesUpByKind
        trainedSamples = committed.trainedSamples
        loss = committed.loss
        trainingTime = .init(committed.trainingTime)
        elapsed = .init(committed.elapsed)
        evaluation = round.evaluation
        decomposition = round.decomposition
        totalBytesDown = round.bytesDown
        totalBytesUp = round.bytesUp
        totalElapsed = .init(round.elapsed)
    }

    var result: SimulationResult.Round {
        SimulationResult.Round(
            committed: CommittedRound(
                round: RoundNumber(round),
                modelDigest: BlobDigest(parsing: digest) ?? BlobDigest(high: 0, low: 0),
                updateCount: updateCount,
                weight: weight,
                bytesUp: bytesUp,
                trainedSamples: trainedSamples,
                loss: loss,
                trainingTime: trainingTime.duration,
                elapsed: elapsed.duration,
                bytesUpByKind: bytesUpByKind
            ),
            evaluation: evaluation,
            decomposition: decomposition,
            bytesDown: totalBytesDown,
            bytesUp: totalBytesUp,
            elapsed: totalElapsed.duration
        )
    }
}
