// SPDX-License-Identifier: Apache-2.0

/// What is known of one committed round; quantities that were not measured are nil.
public struct RoundRecord: Sendable, Hashable, Codable {
    /// The round, from 1.
    public var round: Int
    /// The job's own time at its end, in seconds: virtual time where the simulation has it.
    public var seconds: Double = 0
    /// Bytes of updates received since the job began.
    public var bytesUp: UInt64 = 0
    /// Bytes of models sent since the job began.
    public var bytesDown: UInt64 = 0
    /// The mean loss in training, in nats.
    public var trainingLoss: Double?
    /// The share of test samples that the round's model classifies rightly.
    public var accuracy: Double?
    /// The accuracy over classes that were labelled somewhere; nil where all were.
    public var seenAccuracy: Double?
    /// That over classes that were labelled nowhere, under the best names for these; nil where there are none.
    public var unseenAccuracy: Double?
    /// The accuracy of each class, under the best names of all; nil where all classes have names of their own.
    public var classAccuracies: [Double]?
    /// The mean loss on test samples, in nats.
    public var loss: Double?
    /// The mean of the clients' own accuracies, each client counting once.
    public var clientMean: Double?
    /// The mean over the worst tenth of the clients.
    public var clientWorstTenth: Double?
    /// The standard deviation over the clients.
    public var clientDeviation: Double?
    /// Jain's index of fairness over the clients.
    public var clientFairness: Double?
    /// The part of the loss that the clients reach on their own samples.
    public var localLoss: Double?
    /// The part that their models lose on the others' samples.
    public var shiftLoss: Double?
    /// The part that combining the models adds.
    public var aggregationLoss: Double?
    /// The loss of the round's model on the diagnosed samples: the sum of the three parts.
    public var diagnosedLoss: Double?

    /// Creates a record of a round of which nothing else is known.
    public init(round: Int) { self.round = round }

    private enum CodingKeys: String, CodingKey {
        case round, seconds, accuracy, loss
        case bytesUp = "bytes_up"
        case bytesDown = "bytes_down"
        case trainingLoss = "training_loss"
        case seenAccuracy = "seen_accuracy"
        case unseenAccuracy = "unseen_accuracy"
        case classAccuracies = "class_accuracy"
        case clientMean = "client_accuracy_mean"
        case clientWorstTenth = "client_accuracy_worst_tenth"
        case clientDeviation = "client_accuracy_sd"
        case clientFairness = "client_fairness"
        case localLoss = "loss_local"
        case shiftLoss = "loss_shift"
        case aggregationLoss = "loss_aggregation"
        case diagnosedLoss = "loss_diagnosed"
    }

    /// Takes over what can be written: JSON has no numbers that are not finite, and they measure nothing.
    public mutating func dropUnmeasured() {
        func finite(_ value: Double?) -> Double? { value.flatMap { $0.isFinite ? $0 : nil } }
        trainingLoss = finite(trainingLoss)
        accuracy = finite(accuracy)
        loss = finite(loss)
        localLoss = finite(localLoss)
        shiftLoss = finite(shiftLoss)
        aggregationLoss = finite(aggregationLoss)
        diagnosedLoss = finite(diagnosedLoss)
    }

    /// The measured quantities by the names that curves have in TensorBoard.
    public var scalars: [(tag: String, value: Double)] {
        let all: [(String, Double?)] = [
            ("accuracy/test", accuracy), ("accuracy/seen", seenAccuracy), ("accuracy/unseen", unseenAccuracy),
            ("accuracy/clients_mean", clientMean),
            ("accuracy/clients_worst_tenth", clientWorstTenth), ("accuracy/clients_sd", clientDeviation),
            ("accuracy/clients_fairness", clientFairness),
            ("loss/test", loss), ("loss/training", trainingLoss),
            ("decomposition/local", localLoss), ("decomposition/shift", shiftLoss),
            ("decomposition/aggregation", aggregationLoss), ("decomposition/total", diagnosedLoss),
            ("traffic/bytes_up", Double(bytesUp)), ("traffic/bytes_down", Double(bytesDown)),
            ("time/seconds", seconds),
        ]
        return all.compactMap { tag, value in value.map { (tag, $0) } }
    }
}
