// SPDX-License-Identifier: Apache-2.0

public import Learning
public import ModelState

/// Answers with the model as it was delivered: the floor that adaptation has to beat.
public final class SourceModel: TestTimeAdapter {
    private let session: ModelSession

    /// Creates the adapter.
    ///
    /// - Throws: ``LearningError``.
    public init(model: ModelArchitecture, source: ParameterVector) throws {
        session = try ModelSession(model: model)
        try session.load(source)
    }

    /// The source model's logits.
    public func answer(_ images: [Float]) throws -> [Float] {
        try session.forwardImages(images)
        return session.logits
    }
}

extension ModelSession {
    /// Computes the answers to images that follow each other without gaps.
    func forwardImages(_ images: [Float]) throws {
        let count = images.count / model.inputCount
        guard count > 0, count * model.inputCount == images.count else {
            throw AdaptationError(.shapeMismatch, "\(images.count) values are no images of \(model.inputCount)")
        }
        try forward(
            SampleTable(
                floats: images,
                shape: [model.inputCount],
                labels: [Int32](repeating: 0, count: count)
            ),
            rows: 0..<count
        )
    }
}
