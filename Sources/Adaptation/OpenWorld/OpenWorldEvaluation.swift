// SPDX-License-Identifier: Apache-2.0

internal import Glibc
public import Learning
public import ModelState
public import Rounds

/// What a model of a FedoSSL job answers: the class whose vector is nearest in direction to a sample's features.
public enum OpenWorldEvaluation {
    private static let batchRows = 128

    /// Evaluates a model.
    ///
    /// The loss is `-ln p` of a sample's class, of a sample of an unseen class that of being of any unseen class: those
    /// have no names. The correct ones are those right by the classes' own numbers.
    ///
    /// - Parameters:
    ///   - base: the vector that travelled.
    ///   - samples: with labels.
    /// - Throws: ``LearningError``: `shapeMismatch`, `labelOutOfRange`, `missingLabel`, `diverged`.
    public static func run(
        _ base: ParameterVector,
        model: ModelArchitecture,
        tensors: OpenWorldTensors,
        samples: Samples
    ) throws -> EvaluationSummary {
        var answers = AnswerCounts(classes: tensors.classes, seenClasses: tensors.seenClasses)
        var summary = EvaluationSummary(sampleCount: UInt64(samples.count))
        let session = try ModelSession(model: model)
        let parameters = base.section(0..<tensors.first)
        try session.load(parameters)
        let head = OpenWorldHead.vectors(parameters, model)
        for start in stride(from: 0, to: samples.count, by: batchRows) {
            let batch = samples.picked(Array(start..<min(start + batchRows, samples.count)))
            try session.forward(batch)
            let features = FeatureVectors(session.features, width: tensors.width)
            let similarities = OpenWorldHead.similarities(features, head)
            let shares = RowSoftmax.apply(similarities, width: tensors.classes, scale: OpenWorldObjective.scale)
            for (row, answer) in OpenWorldHead.answers(similarities, classes: tensors.classes).enumerated() {
                guard let label = batch.label(at: row) else {
                    throw LearningError(.missingLabel, "a sample to test on has no label; label it or leave it out")
                }
                answers.count(answer: answer, label: label)
                if answer == label { summary.correctCount += 1 }
                let mine = label < tensors.seenClasses ? label...label : tensors.seenClasses...(tensors.classes - 1)
                let share = mine.reduce(Float(0)) { $0 + shares[row * tensors.classes + $1] }
                summary.lossSum -= Glibc.log(max(Double(share), 1e-30))
            }
        }
        guard summary.lossSum.isFinite else {
            throw LearningError(.diverged, "the model's loss is not finite; lower training.learning_rate")
        }
        summary.answers = answers
        return summary
    }
}
