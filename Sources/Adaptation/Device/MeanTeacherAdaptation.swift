// SPDX-License-Identifier: Apache-2.0

public import Learning
public import ModelState

/// Adapts batch norms to the stream by what a slow average of the model itself answers (the mean teacher's part of
/// CoTTA; Wang and others 2022).
///
/// The teacher answers each batch at the batch's statistics; one step of Adam aligns the student's affine parameters
/// with its probabilities; the teacher follows.
public final class MeanTeacherAdaptation: TestTimeAdapter {
    private let source: ParameterVector
    private let session: ModelSession
    private let layout: DeltaLayout
    private let rate: Float
    private let objective = AdaptationObjective(confidenceFloor: 1.1, alignment: 1)
    private var delta: [Float]
    private var step: AdamStep
    private var teacher: EMATeacher

    /// Creates the adapter.
    ///
    /// - Parameters:
    ///   - model: one without dropout.
    ///   - decay: the share of the teacher that stays in each step.
    /// - Throws: ``LearningError``, ``AdaptationError`` with code `invalidParameter`.
    public init(model: ModelArchitecture, source: ParameterVector, rate: Float, decay: Float = 0.99) throws {
        guard rate >= 0, rate.isFinite else {
            throw AdaptationError(.invalidParameter, "a rate is 0 or more, not \(rate)")
        }
        self.source = source
        self.rate = rate
        session = try ModelSession(model: model)
        layout = DeltaLayout(model.layout, parts: [.affine])
        delta = [Float](repeating: 0, count: layout.count)
        step = AdamStep(count: layout.count)
        teacher = try EMATeacher(source, decay: decay)
    }

    /// The teacher's logits at the batch's statistics.
    public func answer(_ images: [Float]) throws -> [Float] {
        try session.load(teacher.parameters, statistics: .batch)
        try session.forwardImages(images)
        let logits = session.logits
        let classes = session.model.classCount
        guard rate > 0, layout.count > 0, logits.allSatisfy(\.isFinite) else { return logits }
        let labels = try stride(from: 0, to: logits.count, by: classes).map {
            try PseudoLabel(logits: logits[$0..<($0 + classes)])
        }
        try session.load(layout.apply(delta, to: source), statistics: .batch)
        try session.forwardImages(images)
        session.objective { objective.write($0, labels: labels) }
        let gradient = layout.project(session.parameterGradient())
        guard gradient.allSatisfy(\.isFinite) else { return logits }
        step.step(&delta, gradient: gradient, rate: rate)
        try teacher.follow(layout.apply(delta, to: source))
        return logits
    }
}
