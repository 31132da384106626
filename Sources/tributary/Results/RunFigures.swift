// SPDX-License-Identifier: Apache-2.0

import Reporting

/// A number in JSON, null where it is not finite.
struct FiniteNumber: Encodable {
    let value: Double

    init(_ value: Double) { self.value = value }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if value.isFinite { try container.encode(value) } else { try container.encodeNil() }
    }
}

/// What a simulation's summary has beyond a demo's; the keys are kept stable, unmeasured ones are left out.
struct RunFigures: Encodable {
    let seed: UInt64
    let clients: Int
    let plannedRounds: Int
    let bestAccuracy: Double?
    let bestRound: Int?
    let seenAccuracy: Double?
    let unseenAccuracy: Double?
    let classAccuracies: [Double]?
    let targetAccuracy: Double?
    let roundsToTarget: Int?
    let bytesUpToTarget: UInt64?
    let secondsToTarget: Double?
    let clientAccuracyMean: Double?
    let clientAccuracyWorstTenth: Double?
    let clientAccuracyDeviation: Double?
    let clientFairness: Double?
    let bytesUpByKind: [String: UInt64]
    let bytesUpPerClient: RunRecord.PerClient?
    let bytesDownPerClient: RunRecord.PerClient?
    let lossLocal: Double?
    let lossShift: Double?
    let lossAggregation: Double?
    let lossDiagnosed: Double?

    private enum CodingKeys: String, CodingKey {
        case seed, clients
        case plannedRounds = "planned_rounds"
        case bestAccuracy = "best_accuracy"
        case bestRound = "best_round"
        case seenAccuracy = "seen_accuracy"
        case unseenAccuracy = "unseen_accuracy"
        case classAccuracies = "class_accuracy"
        case targetAccuracy = "target_accuracy"
        case roundsToTarget = "rounds_to_target"
        case bytesUpToTarget = "bytes_up_to_target"
        case secondsToTarget = "seconds_to_target"
        case clientAccuracyMean = "client_accuracy_mean"
        case clientAccuracyWorstTenth = "client_accuracy_worst_tenth"
        case clientAccuracyDeviation = "client_accuracy_sd"
        case clientFairness = "client_fairness"
        case bytesUpByKind = "bytes_up_by_kind"
        case bytesUpPerClient = "bytes_up_per_client"
        case bytesDownPerClient = "bytes_down_per_client"
        case lossLocal = "loss_local"
        case lossShift = "loss_shift"
        case lossAggregation = "loss_aggregation"
        case lossDiagnosed = "loss_diagnosed"
    }

    init(_ record: RunRecord) {
        seed = record.seed
        clients = record.clients
        plannedRounds = record.plannedRounds
        bestAccuracy = record.best?.accuracy
        bestRound = record.best?.round
        seenAccuracy = record.lastEvaluated?.seenAccuracy
        unseenAccuracy = record.lastEvaluated?.unseenAccuracy
        classAccuracies = record.lastEvaluated?.classAccuracies
        targetAccuracy = record.targetAccuracy
        roundsToTarget = record.reachedTarget?.round
        bytesUpToTarget = record.reachedTarget?.bytesUp
        secondsToTarget = record.reachedTarget?.seconds
        let spread = record.rounds.last { $0.clientMean != nil }
        clientAccuracyMean = spread?.clientMean
        clientAccuracyWorstTenth = spread?.clientWorstTenth
        clientAccuracyDeviation = spread?.clientDeviation
        clientFairness = spread?.clientFairness
        bytesUpByKind = record.bytesUpByKind
        bytesUpPerClient = record.bytesUpPerClient
        bytesDownPerClient = record.bytesDownPerClient
        lossLocal = record.lastDiagnosed?.localLoss
        lossShift = record.lastDiagnosed?.shiftLoss
        lossAggregation = record.lastDiagnosed?.aggregationLoss
        lossDiagnosed = record.lastDiagnosed?.diagnosedLoss
    }
}
