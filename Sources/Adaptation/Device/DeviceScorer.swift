// SPDX-License-Identifier: Apache-2.0

public import Learning
public import ModelState
public import Randomness
public import Selection

/// Scores a device's answers: of one pass from the logits, of several from last-layer passes over the features.
public struct DeviceScorer: Sendable {
    /// The score, with the temperature that was fitted on held-out samples.
    public let scorer: UncertaintyScorer
    private let passCount: Int
    private let rate: Float
    private let groupSize: Int

    /// Creates a scorer for a model.
    ///
    /// - Parameter rate: the probability with which a pass drops a channel.
    /// - Throws: ``SelectionError`` with code `invalidParameter`.
    public init(
        _ score: UncertaintyScore,
        temperature: Double,
        model: ModelArchitecture,
        passCount: Int = 10,
        rate: Float = 0.25
    ) throws {
        scorer = try UncertaintyScorer(score, temperature: temperature)
        self.passCount = passCount
        self.rate = rate
        groupSize = Self.channelSize(of: model)
    }

    /// How many of the last layer's inputs are one channel: what follows the last batch norm, else one.
    public static func channelSize(of model: ModelArchitecture) -> Int {
        let tensors = model.layout.tensors
        guard tensors.count >= 2, let channels = tensors.last(where: { $0.role == .normalization })?.shape.elementCount
        else { return 1 }
        let bias = model.layout.range(of: tensors.count - 1).count
        let features = model.layout.range(of: tensors.count - 2).count / max(bias, 1)
        return features % channels == 0 ? features / channels : 1
    }

    /// The scores of a batch of which all passes were made.
    ///
    /// - Throws: ``SelectionError``.
    /// - Precondition: whole rows of `classCount` logits of every pass.
    public func scores(passes: [Float], classCount: Int) throws -> [Double] {
        try LogitRows.with(passes, classCount: classCount, passCount: passCount) { try scorer.scores($0) }
    }

    /// The scores of a batch.
    ///
    /// - Parameter parameters: those that gave the answers; asked for only where passes are compared.
    /// - Throws: ``SelectionError``, ``AdaptationError``.
    public func scores(
        logits: [Float],
        features: [Float],
        parameters: @autoclosure () -> ParameterVector,
        model: ModelArchitecture,
        seed: Seed
    ) throws -> [Double] {
        let classes = model.classCount
        guard scorer.score.comparesPasses else {
            return try LogitRows.with(logits, classCount: classes) { try scorer.scores($0) }
        }
        let passes = try LastLayerPasses(
            parameters(),
            layout: model.layout,
            passCount: passCount,
            rate: rate,
            groupSize: groupSize
        )
        let all = passes.logits(of: features, seed: seed)
        return try scores(passes: all, classCount: classes)
    }
}
