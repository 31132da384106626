// SPDX-License-Identifier: Apache-2.0

import Rounds

/// A job's state as JSON.
struct StatusRecord: Encodable {
    let job: String
    let name: String
    let phase: String
    let round: UInt32
    let rounds: UInt32
    let agents: UInt32
    let evaluatedRound: UInt32
    let accuracy: Double
    /// Over classes labelled somewhere, and over those labelled nowhere; nil where all have names of their own.
    let seenAccuracy: Double?
    let unseenAccuracy: Double?
    let loss: Double
    let acceptedUpdates: UInt64
    let refusedUpdates: UInt64
    let bytesUp: UInt64
    let bytesDown: UInt64
    let trainedSamples: UInt64
    let seconds: Double
    let trainSeconds: Double
    let modelDigest: String
    let message: String

    private enum CodingKeys: String, CodingKey {
        case job, name, phase, round, rounds, agents, accuracy, loss, seconds, message
        case evaluatedRound = "evaluated_round"
        case seenAccuracy = "seen_accuracy"
        case unseenAccuracy = "unseen_accuracy"
        case acceptedUpdates = "accepted_updates"
        case refusedUpdates = "refused_updates"
        case bytesUp = "bytes_up"
        case bytesDown = "bytes_down"
        case trainedSamples = "trained_samples"
        case trainSeconds = "train_seconds"
        case modelDigest = "model_digest"
    }

    init(_ status: JobStatus) {
        job = "\(status.job)"
        name = status.name
        phase = "\(status.phase)"
        round = status.round.value
        rounds = status.totalRounds
        agents = status.connectedAgents
        evaluatedRound = status.evaluatedRound.value
        accuracy = status.evaluation.accuracy
        let accuracies = status.evaluation.answers?.accuracies
        seenAccuracy = accuracies?.seen
        unseenAccuracy = accuracies?.unseen
        loss = status.evaluation.loss
        acceptedUpdates = status.acceptedUpdates
        refusedUpdates = status.refusedUpdates
        bytesUp = status.bytesUp
        bytesDown = status.bytesDown
        trainedSamples = status.trainedSamples
        seconds = Format.number(status.elapsed)
        trainSeconds = Format.number(status.trainingTime)
        modelDigest = status.modelDigest.map { "\($0)" } ?? ""
        message = status.message
    }

    /// One line for people.
    var line: String {
        var text = "\(job)  \(phase)  "
        // An adaptation job has no rounds.
        text += rounds > 0 ? "round \(round)/\(rounds)  " : "\(acceptedUpdates) batches  "
        text += "\(agents) agents"
        if evaluatedRound > 0 || rounds == 0 { text += "  accuracy \(Format.decimals(accuracy, 4))" }
        text += "  \(name)"
        if !message.isEmpty { text += "  (\(message))" }
        return text
    }
}
