// SPDX-License-Identifier: Apache-2.0

extension UncertaintyScorer {
    /// Scores against a teacher's answers: `||p - y||`, for `grand` times `sqrt(||h||^2 + 1)`.
    func compare(
        _ rows: LogitRows,
        with teacher: TeacherAnswers,
        _ features: FeatureRows?,
        into scores: UnsafeMutableBufferPointer<Double>
    ) -> Int {
        let classes = rows.classCount
        return withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * classes) { scratch in
            let probabilities = scratch.baseAddress!  // there is at least one class, so there is memory
            let target = probabilities + classes
            var refused = 0
            for row in 0..<rows.rowCount {
                var score = Self.refusedScore
                if Self.answer(of: teacher, row, classes, into: target),
                    let distance = meanDistance(rows, row, probabilities, target)
                {
                    let squares = self.score == .grand ? features?.squaredNorm(row) ?? 0 : 0
                    if squares.isFinite {
                        score = self.score == .grand ? distance * (squares + 1).squareRoot() : distance
                    }
                }
                scores[row] = score
                refused += score == Self.refusedScore ? 1 : 0
            }
            return refused
        }
    }

    /// Writes what the teacher says of a row as probabilities; false where it says nothing that makes sense.
    private static func answer(
        of teacher: TeacherAnswers,
        _ row: Int,
        _ classes: Int,
        into target: UnsafeMutablePointer<Double>
    ) -> Bool {
        switch teacher {
        case .labels(let labels):
            guard labels[row] >= 0, Int(labels[row]) < classes else { return false }
            target.initialize(repeating: 0, count: classes)
            target[Int(labels[row])] = 1
            return true
        case .rows(let answers):
            return probabilities(answers, row, 0, 1, into: target) != nil
        }
    }

    /// The mean over the passes of the distance between probabilities and target.
    private func meanDistance(
        _ rows: LogitRows,
        _ row: Int,
        _ probabilities: UnsafeMutablePointer<Double>,
        _ target: UnsafeMutablePointer<Double>
    ) -> Double? {
        var sum = 0.0
        for pass in 0..<rows.passCount {
            guard Self.probabilities(rows, row, pass, temperature, into: probabilities) != nil else { return nil }
            var squares = 0.0
            for index in 0..<rows.classCount {
                let distance = probabilities[index] - target[index]
                squares += distance * distance
            }
            sum += squares.squareRoot()
        }
        return sum / Double(rows.passCount)
    }
}
