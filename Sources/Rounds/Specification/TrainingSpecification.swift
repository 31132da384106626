// SPDX-License-Identifier: Apache-2.0

/// Says how an agent trains in one round: plain SGD over its samples, as FedAvg has it.
public struct TrainingSpecification: Hashable, Sendable, Codable {
    /// What trains: `sgd` (built in), `none` (returns a zero delta at once, to measure transport) or `external`.
    public var trainer: String
    /// Passes over the agent's samples, 1 or more.
    public var localEpochs: Int
    /// Samples in a step; the last step of a pass takes what is left.
    public var batchSize: Int
    /// The step size, above 0.
    public var learningRate: Double
    /// The momentum coefficient, 0 (plain SGD) up to but not including 1. Momentum starts at zero in every round.
    public var momentum: Double
    /// The coefficient of L2 weight decay, added to the gradient, 0 or more.
    public var weightDecay: Double
    /// Steps after which a round's training ends although passes remain; 0 for no limit.
    public var maximumSteps: Int
    /// Further numbers that client-side methods understand, by name.
    public var settings: [String: Double]

    /// Creates a specification.
    public init(
        trainer: String = "sgd",
        localEpochs: Int = 1,
        batchSize: Int = 32,
        learningRate: Double = 0.05,
        momentum: Double = 0,
        weightDecay: Double = 0,
        maximumSteps: Int = 0,
        settings: [String: Double] = [:]
    ) {
        self.trainer = trainer
        self.localEpochs = localEpochs
        self.batchSize = batchSize
        self.learningRate = learningRate
        self.momentum = momentum
        self.weightDecay = weightDecay
        self.maximumSteps = maximumSteps
        self.settings = settings
    }

    private enum CodingKeys: String, CodingKey {
        case trainer
        case localEpochs = "local_epochs"
        case batchSize = "batch_size"
        case learningRate = "learning_rate"
        case momentum
        case weightDecay = "weight_decay"
        case maximumSteps = "maximum_steps"
        case settings
    }

    /// Reads the `training:` part of a job file.
    public init(from decoder: any Decoder) throws {
        let known = [
            "trainer", "local_epochs", "batch_size", "learning_rate", "momentum", "weight_decay", "maximum_steps",
            "settings",
        ]
        let file = try StrictContainer(decoder, known: known)
        self.init(
            trainer: try file.value("trainer", default: "sgd"),
            localEpochs: try file.value("local_epochs", default: 1),
            batchSize: try file.value("batch_size", default: 32),
            learningRate: try file.value("learning_rate", default: 0.05),
            momentum: try file.value("momentum", default: 0),
            weightDecay: try file.value("weight_decay", default: 0),
            maximumSteps: try file.value("maximum_steps", default: 0),
            settings: try file.value("settings", default: [:])
        )
        try file.check(localEpochs >= 1 && localEpochs <= 1 << 20, "local_epochs", "1 or more")
        try file.check(batchSize >= 1 && batchSize <= 1 << 20, "batch_size", "1 or more")
        try file.check(learningRate > 0 && learningRate.isFinite, "learning_rate", "a positive number")
        try file.check(momentum >= 0 && momentum < 1, "momentum", "at least 0 and below 1")
        try file.check(weightDecay >= 0 && weightDecay.isFinite, "weight_decay", "0 or more")
        try file.check(maximumSteps >= 0, "maximum_steps", "0 (no limit) or more")
    }
}
