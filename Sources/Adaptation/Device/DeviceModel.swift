// SPDX-License-Identifier: Apache-2.0

public import Learning
public import ModelState

/// A device's model: answers batches with what adapts it, and measures the statistics of environments.
///
/// Statistics are measured with the source model on plain images, so that they are the environment's alone and mean the
/// same to the device and to the cloud, whatever prompt and delta are in force. Answers are given at fixed statistics:
/// a sample's answer does not depend on the others of its batch.
public final class DeviceModel {
    /// What a batch gave.
    public struct Answer: Sendable {
        /// One row of logits for each image.
        public let logits: [Float]
        /// The inputs of the last layer.
        public let features: [Float]
    }

    /// The model; without dropout.
    public let model: ModelArchitecture
    /// The parameters that the device was delivered with.
    public let source: ParameterVector
    /// Where the delta acts.
    public let layout: DeltaLayout
    /// Where statistics act.
    public let statistics: DeltaLayout
    private let session: ModelSession

    /// Creates the device's model.
    ///
    /// - Throws: ``LearningError``.
    public init(model: ModelArchitecture, source: ParameterVector, layout: DeltaLayout) throws {
        self.model = model
        self.source = source
        self.layout = layout
        statistics = DeltaLayout(model.layout, parts: [.statistics])
        session = try ModelSession(model: model)
    }

    /// The differences of the images' statistics from the source's, in ``statistics``.
    ///
    /// - Throws: ``AdaptationError`` with code `shapeMismatch` for no whole images; ``LearningError``.
    public func measure(_ images: [Float]) throws -> [Float] {
        try session.load(source, statistics: .batch)
        try session.forwardImages(images)
        return statistics.project(session.batchStatistics().subtracting(source))
    }

    /// The parameters of a state at an environment's statistics.
    public func parameters(of state: AdaptationState, statistics measured: [Float]) -> ParameterVector {
        statistics.apply(measured, to: layout.apply(state.delta, to: source))
    }

    /// Answers images that follow each other without gaps.
    ///
    /// - Parameter measured: the environment's statistics, as ``measure(_:)`` gives them.
    /// - Throws: as ``measure(_:)``.
    public func answer(_ images: [Float], in state: AdaptationState, statistics measured: [Float]) throws -> Answer {
        var images = images
        if images.count % model.inputCount == 0 { state.prompt?.add(to: &images) }
        try session.load(parameters(of: state, statistics: measured))
        try session.forwardImages(images)
        return Answer(logits: session.logits, features: session.features)
    }
}
