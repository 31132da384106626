// SPDX-License-Identifier: Apache-2.0

/// What one method reached on one stream.
public struct MethodOutcome: Sendable, Hashable, Codable {
    /// The share of right answers over the whole stream, each given before anything was learnt from its sample.
    public var accuracy = 0.0
    /// Everything that the device sent.
    public var bytesUp = 0
    /// Everything that it was sent.
    public var bytesDown = 0
    /// The samples that it sent.
    public var samplesSent = 0
    /// The updates that it was sent.
    public var updates = 0
    /// The largest of them in bytes.
    public var largestUpdateBytes = 0
    /// The updates that it rolled back.
    public var rollbacks = 0
    /// How often the gate decided so, by its reasons' names; empty for methods without a gate.
    public var decisions: [String: Int] = [:]
    /// The environments that it met.
    public var environments = 0
    /// The accuracy in each phase.
    public var phaseAccuracies: [Double] = []
    /// The share of the samples that were sent, in each phase.
    public var phaseShares: [Double] = []

    enum CodingKeys: String, CodingKey {
        case accuracy
        case bytesUp = "bytes_up"
        case bytesDown = "bytes_down"
        case samplesSent = "samples_sent"
        case updates
        case largestUpdateBytes = "largest_update_bytes"
        case rollbacks
        case decisions
        case environments
        case phaseAccuracies = "phase_accuracies"
        case phaseShares = "phase_shares"
    }

    /// Creates the outcome of an empty stream.
    public init() {}
}

/// How far a method is on its stream.
public struct AdaptationProgress: Sendable, Hashable {
    /// The data set's name.
    public let data: String
    /// The seed.
    public let seed: UInt64
    /// The method.
    public let method: AdaptationScenario.Method
    /// The samples that were answered, of all.
    public let answered: Int
    /// The samples of the stream.
    public let total: Int
    /// The accuracy so far.
    public let accuracy: Double
    /// The device's mean score over the last batch; 0 for methods that do not score.
    public let uncertainty: Double
    /// The bytes sent so far.
    public let bytesUp: Int
    /// The bytes received so far.
    public let bytesDown: Int
}
