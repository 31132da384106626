// SPDX-License-Identifier: Apache-2.0

/// What a client tells about the training behind one update, beside its number of samples.
///
/// Every part is optional: a rule that needs a missing one refuses the round with `missingMetadata`. The values are the
/// client's own statements; only rules that users choose for honest clients (FedNova, q-FedAvg) rely on them.
public struct UpdateMetadata: Hashable, Sendable, Codable {
    /// The number of local optimizer steps, at least 1.
    public var localSteps: Int?
    /// The local learning rate, positive.
    public var localLearningRate: Double?
    /// The mean loss over the client's data at the model it started from, not negative.
    public var initialLoss: Double?
    /// The rounds between the model that it started from and the one that it changes, 0 or more.
    public var staleness: Int

    /// Creates a description.
    public init(
        localSteps: Int? = nil,
        localLearningRate: Double? = nil,
        initialLoss: Double? = nil,
        staleness: Int = 0
    ) {
        self.staleness = staleness
        self.localSteps = localSteps
        self.localLearningRate = localLearningRate
        self.initialLoss = initialLoss
    }
}
