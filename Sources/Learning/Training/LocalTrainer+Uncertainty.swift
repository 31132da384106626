// SPDX-License-Identifier: Apache-2.0

import Glibc
public import ModelState
import Selection

extension LocalTrainer {
    /// The mean entropy of a model's answers to samples, as a share of the largest possible one.
    ///
    ///     u = 1/n sum_i H(softmax(z_i)) / log C
    ///
    /// Of more than `limit` samples as many are taken, evenly spaced: data that is sorted by class still shows all of
    /// its classes.
    ///
    /// - Parameter limit: 1 or more.
    /// - Returns: 0 to 1; nil without samples, for fewer than two classes, and for a model that computes nothing. Not
    ///   finite where an answer is not.
    /// - Throws: ``LearningError``: `labelOutOfRange`, `shapeMismatch`.
    public func meanUncertainty(parameters: ParameterVector, samples: Samples, atMost limit: Int) throws -> Double? {
        precondition(limit >= 1, "at least one sample is looked at")
        try check(parameters)
        guard model.isTrainable, model.classCount >= 2, samples.count > 0 else { return nil }
        try samples.check(against: model)
        let scorer = try UncertaintyScorer(.entropy)
        let samples = samples.spaced(limit)
        let count = samples.count
        let batchRows = min(network.evaluationRows, count)
        network.load(parameters)
        network.reserve(rows: batchRows)
        var scores = [Double](repeating: 0, count: batchRows)
        var sum = 0.0
        for start in stride(from: 0, to: count, by: batchRows) {
            let rows = min(batchRows, count - start)
            network.gather(samples.table, rows: rows) { samples.index(at: start + $0) }
            network.forward(rows: rows)
            let batch = network.logitBatch(rows: rows)
            let answers = LogitRows(
                base: batch.logits,
                rowCount: rows,
                classCount: model.classCount,
                rowStride: batch.stride
            )
            _ = try scores.withUnsafeMutableBufferPointer {
                try scorer.score(answers, into: .init(rebasing: $0[..<rows]))
            }
            for score in scores[..<rows] { sum += score }
        }
        let share = sum / Double(count) / Glibc.log(Double(model.classCount))
        // Answers that are equal for all classes give 1 up to rounding.
        return share > 1 && share < 1 + 1e-9 ? 1 : share
    }
}
