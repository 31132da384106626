// SPDX-License-Identifier: Apache-2.0

/// Scores batches of answers with one score at one temperature.
///
/// A row that no score can be made of (a logit, feature or teacher's answer that is not finite, a negative or all-zero
/// row of probabilities, a teacher's label that is no class) scores ``refusedScore``, which lies below every score, so
/// that comparing scores is always defined; all other scores are finite.
public struct UncertaintyScorer: Sendable, Hashable {
    /// The score of a row that cannot be scored: negative infinity.
    ///
    /// A ``SampleGate`` refuses it by name.
    public static let refusedScore = -Double.infinity

    /// The range of temperatures.
    public static let temperatures = 1e-3...1e3

    /// The score.
    public let score: UncertaintyScore
    /// The temperature T by which logits are divided.
    public let temperature: Double

    /// Creates a scorer.
    ///
    /// - Throws: ``SelectionError`` with code `invalidParameter` for a temperature outside ``temperatures``.
    public init(_ score: UncertaintyScore, temperature: Double = 1) throws {
        guard Self.temperatures.contains(temperature) else {
            throw SelectionError(
                .invalidParameter,
                "the temperature is \(temperature); it lies in \(Self.temperatures.lowerBound) to "
                    + "\(Self.temperatures.upperBound)"
            )
        }
        self.score = score
        self.temperature = temperature
    }

    /// Writes the score of every row; allocates once for the batch, or not at all.
    ///
    /// - Parameters:
    ///   - rows: the answers; scores that do not compare passes look at pass 0, `el2n` and `grand` at the mean over
    ///     all.
    ///   - teacher: for `el2n` and `grand`.
    ///   - features: for `grand`.
    ///   - scores: takes one score for each row.
    /// - Returns: the number of rows that were refused.
    /// - Throws: ``SelectionError``: `missingInput` (teacher, features or logits), `shapeMismatch`.
    @discardableResult
    public func score(
        _ rows: LogitRows,
        teacher: TeacherAnswers? = nil,
        features: FeatureRows? = nil,
        into scores: UnsafeMutableBufferPointer<Double>
    ) throws -> Int {
        try check(rows, teacher, features, room: scores.count)
        if score.comparesPasses { return comparePasses(rows, into: scores) }
        if let teacher, score.needsTeacher { return compare(rows, with: teacher, features, into: scores) }
        var refused = 0
        for row in 0..<rows.rowCount {
            let softmax = Softmax(
                rows.row(row, pass: 0),
                rows.classCount,
                content: rows.content,
                inverseTemperature: 1 / temperature
            )
            guard let softmax else {
                scores[row] = Self.refusedScore
                refused += 1
                continue
            }
            scores[row] = single(softmax)
        }
        return refused
    }

    /// The scores of all rows, as an array.
    ///
    /// - Throws: as ``score(_:teacher:features:into:)``.
    public func scores(
        _ rows: LogitRows,
        teacher: TeacherAnswers? = nil,
        features: FeatureRows? = nil
    ) throws -> [Double] {
        try [Double](unsafeUninitializedCapacity: rows.rowCount) { buffer, count in
            buffer.initialize(repeating: 0)
            try score(rows, teacher: teacher, features: features, into: buffer)
            count = rows.rowCount
        }
    }

    @inline(__always)
    private func single(_ softmax: Softmax) -> Double {
        switch score {
        case .msp: softmax.doubt
        case .margin: softmax.marginDoubt
        case .maxLogit: -softmax.maximum
        case .energy: softmax.energy(temperature: temperature)
        default: softmax.entropy
        }
    }

    private func check(_ rows: LogitRows, _ teacher: TeacherAnswers?, _ features: FeatureRows?, room: Int) throws {
        let name = score.rawValue
        guard room >= rows.rowCount else {
            throw SelectionError(.shapeMismatch, "there is room for \(room) scores of \(rows.rowCount) rows")
        }
        guard !score.needsLogits || rows.content == .logits else {
            throw SelectionError(.missingInput, "the score '\(name)' needs logits; probabilities have lost their scale")
        }
        if score.needsTeacher {
            guard let teacher else {
                throw SelectionError(.missingInput, "the score '\(name)' needs a teacher's answers")
            }
            if case .rows(let answers) = teacher {
                guard answers.rowCount >= rows.rowCount, answers.classCount == rows.classCount else {
                    throw SelectionError(
                        .shapeMismatch,
                        "the teacher answers \(answers.rowCount) rows of \(answers.classCount) classes, the model "
                            + "\(rows.rowCount) of \(rows.classCount)"
                    )
                }
            }
        }
        if score.needsFeatures {
            guard let features else {
                throw SelectionError(.missingInput, "the score '\(name)' needs the last layer's inputs")
            }
            guard features.rowCount >= rows.rowCount else {
                throw SelectionError(
                    .shapeMismatch,
                    "there are features of \(features.rowCount) of \(rows.rowCount) rows"
                )
            }
        }
    }
}
