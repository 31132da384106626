// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Measures a model's answers: are they right, and are their probabilities honest.
public struct ClassificationMetrics: Sendable, Hashable, Codable {
    /// The share of right answers.
    public let accuracy: Double
    /// The mean negative log-likelihood `-log p_y` in nats; infinite only for probabilities of exactly 0.
    public let nll: Double
    /// The mean Brier score `sum over the classes of (p_c - [c = y])^2`, 0 to 2.
    public let brier: Double
    /// The expected calibration error in 15 bins of equal width.
    public let ece: Double
    /// The expected calibration error in 15 bins of equal size.
    public let eceEqualMass: Double
    /// The samples that were measured.
    public let sampleCount: Int
    /// The samples that were left out: a value that is not finite, a label that is no class.
    public let refusedCount: Int

    /// Measures pass 0 of `rows` against their labels at a temperature.
    ///
    /// - Throws: ``SelectionError``: `shapeMismatch` for fewer labels than rows, `missingInput` where no sample can be
    ///   measured, `invalidParameter` for a temperature outside ``UncertaintyScorer/temperatures``.
    public init(_ rows: LogitRows, labels: UnsafeBufferPointer<Int32>, temperature: Double = 1) throws {
        guard labels.count >= rows.rowCount else {
            throw SelectionError(.shapeMismatch, "there are \(labels.count) labels for \(rows.rowCount) rows")
        }
        let temperature = try UncertaintyScorer(.msp, temperature: temperature).temperature
        var (confidences, isCorrect): ([Double], [Bool]) = ([], [])
        var (loss, squares) = (0.0, 0.0)
        let classes = rows.classCount
        withUnsafeTemporaryAllocation(of: Double.self, capacity: classes) { scratch in
            let exponentials = scratch.baseAddress!  // there is at least one class, so there is memory
            for row in 0..<rows.rowCount {
                let softmax = Softmax(
                    rows.row(row, pass: 0),
                    classes,
                    content: rows.content,
                    inverseTemperature: 1 / temperature,
                    exponentials: exponentials
                )
                let label = Int(labels[row])
                guard let softmax, label >= 0, label < classes else { continue }
                let total = 1 + softmax.rest
                loss += Self.loss(rows, row, label, softmax, temperature)
                for index in 0..<classes {
                    let distance = exponentials[index] / total - (index == label ? 1 : 0)
                    squares += distance * distance
                }
                confidences.append(1 / total)
                isCorrect.append(softmax.best == label)
            }
        }
        guard !confidences.isEmpty else {
            throw SelectionError(.missingInput, "none of \(rows.rowCount) answers can be measured")
        }
        let count = Double(confidences.count)
        accuracy = Double(isCorrect.count { $0 }) / count
        nll = loss / count
        brier = squares / count
        ece = try CalibrationBins.equalWidth(confidences: confidences, isCorrect: isCorrect).expectedError
        eceEqualMass = try CalibrationBins.equalMass(confidences: confidences, isCorrect: isCorrect).expectedError
        sampleCount = confidences.count
        refusedCount = rows.rowCount - confidences.count
    }

    /// Measures rows without gaps.
    ///
    /// - Throws: as ``init(_:labels:temperature:)``; `shapeMismatch` also where the logits fill no whole rows.
    public init(logits: [Float], classCount: Int, labels: [Int32], temperature: Double = 1) throws {
        guard classCount >= 1, logits.count == classCount * labels.count else {
            throw SelectionError(
                .shapeMismatch,
                "\(logits.count) logits are not \(labels.count) rows of \(classCount) classes"
            )
        }
        self = try LogitRows.with(logits, classCount: classCount) { rows in
            try labels.withUnsafeBufferPointer {
                try ClassificationMetrics(rows, labels: $0, temperature: temperature)
            }
        }
    }

    /// `-log p_label = log(1 + rest) - x_label`, which stays exact where the probability itself vanishes.
    private static func loss(
        _ rows: LogitRows,
        _ row: Int,
        _ label: Int,
        _ softmax: Softmax,
        _ temperature: Double
    ) -> Double {
        let value = Double(rows.row(row, pass: 0)[label])
        let distance =
            rows.content == .logits ? value - softmax.maximum : Glibc.log(value / softmax.maximum)
        return Glibc.log1p(softmax.rest) - distance / temperature
    }
}
