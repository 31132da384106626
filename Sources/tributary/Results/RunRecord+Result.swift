// SPDX-License-Identifier: Apache-2.0

import Reporting
import Rounds
import Simulation

extension RunRecord {
    /// Keeps what a simulation found.
    init(_ result: SimulationResult, of scenario: Scenario) {
        self.init(
            name: scenario.job.name,
            mode: scenario.mode.rawValue,
            seed: scenario.job.seed,
            phase: "\(result.status.phase)"
        )
        message = result.status.message
        plannedRounds = scenario.job.rounds
        clients = scenario.clients
        targetAccuracy = scenario.job.target?.accuracy
        targetWindow = scenario.job.target.flatMap { $0.window > 1 ? $0.window : nil }
        rounds = result.rounds.map(RoundRecord.init)
        bytesUpByKind = result.status.bytesUpByKind.named
        bytesUpPerClient = result.traffic.map { PerClient($0.up) }
        bytesDownPerClient = result.traffic.map { PerClient($0.down) }
        wallSeconds = Format.number(result.elapsed)
        peakMegabytes = RunReport.peakMegabytes()
        modelDigest = result.status.modelDigest.map { "\($0)" } ?? ""
    }
}

extension RunRecord.PerClient {
    init(_ traffic: ClientTraffic.Summary) {
        self.init(clients: traffic.clients, mean: traffic.mean, maximum: Double(traffic.maximum))
    }
}

extension RoundRecord {
    /// Keeps what is known of a round.
    init(_ round: SimulationResult.Round) {
        self.init(round: Int(round.committed.round.value))
        seconds = Format.number(round.elapsed)
        bytesUp = round.bytesUp
        bytesDown = round.bytesDown
        if round.committed.updateCount > 0 { trainingLoss = round.committed.loss }
        if let evaluation = round.evaluation, evaluation.sampleCount > 0 {
            accuracy = evaluation.accuracy
            loss = evaluation.loss
            if let accuracies = evaluation.answers?.accuracies {
                seenAccuracy = accuracies.seen
                unseenAccuracy = accuracies.unseen
                classAccuracies = accuracies.classes
            }
        }
        if let spread = round.evaluation?.spread {
            clientMean = spread.meanAccuracy
            clientWorstTenth = spread.worstTenthAccuracy
            clientDeviation = spread.deviation
            clientFairness = spread.fairness
        }
        if let parts = round.decomposition {
            localLoss = parts.local
            shiftLoss = parts.shift
            aggregationLoss = parts.aggregation
            diagnosedLoss = parts.total
        }
        dropUnmeasured()
    }
}
