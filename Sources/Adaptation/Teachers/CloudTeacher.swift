// SPDX-License-Identifier: Apache-2.0

public import Learning
public import ModelState

/// The cloud's stronger model: it labels what devices send, and may learn from it as a mean teacher.
///
/// Its student takes one SGD step on each upload, on the samples whose label is believed and, aligned, on all; the
/// teacher follows slowly (``EMATeacher``). At a rate of 0 the teacher stays as it is.
public final class CloudTeacher {
    /// The model.
    public let model: ModelArchitecture
    private let session: ModelSession
    private let rate: Float
    private let objective: AdaptationObjective
    private var student: ParameterVector
    private var teacher: EMATeacher

    /// Creates a teacher.
    ///
    /// - Throws: ``LearningError``, ``AdaptationError`` with code `invalidParameter`.
    public init(model: ModelArchitecture, parameters: ParameterVector, configuration: CloudConfiguration) throws {
        try configuration.validate()
        self.model = model
        session = try ModelSession(model: model)
        rate = configuration.teacherRate
        student = parameters
        teacher = try EMATeacher(parameters, decay: configuration.teacherDecay)
        objective = AdaptationObjective(
            confidenceFloor: configuration.confidenceFloor,
            alignment: configuration.alignment
        )
    }

    /// The teacher's parameters now.
    public var parameters: ParameterVector { teacher.parameters }

    /// The logits of images that follow each other without gaps.
    ///
    /// - Throws: ``AdaptationError`` with code `shapeMismatch`; ``LearningError``.
    public func answer(_ images: [Float]) throws -> [Float] {
        try session.load(teacher.parameters)
        var logits: [Float] = []
        let size = model.inputCount * 64
        for start in stride(from: 0, to: images.count, by: size) {
            try session.forwardImages(Array(images[start..<min(start + size, images.count)]))
            logits += session.logits
        }
        return logits
    }

    /// Labels images, then lets the student learn from them.
    ///
    /// - Throws: as ``answer(_:)``; `notFinite` for answers that are not finite.
    public func label(_ images: [Float]) throws -> [PseudoLabel] {
        let logits = try answer(images)
        let classes = model.classCount
        let labels = try stride(from: 0, to: logits.count, by: classes).map {
            try PseudoLabel(logits: logits[$0..<($0 + classes)])
        }
        guard rate > 0, !labels.isEmpty else { return labels }
        try session.load(student)
        try session.forwardImages(images)
        session.objective { objective.write($0, labels: labels) }
        var next = student
        next.add(session.parameterGradient(), scale: -rate)
        guard next.isFinite else { return labels }
        student = next
        try teacher.follow(student)
        return labels
    }
}
