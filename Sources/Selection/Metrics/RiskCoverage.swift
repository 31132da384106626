// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Measures how well scores order a model's answers: the accepted ones should be the right ones.
///
/// Answers are accepted in the order of rising scores. After i of N, E_i of them wrong, coverage is i/N, the selective
/// risk `E_i / i` and the generalised risk `E_i / N`. Among equal scores every order is equally likely; the expectation
/// counts.
public struct RiskCoverage: Sendable, Hashable {
    /// The share of wrong answers.
    public let errorRate: Double
    /// The area under the risk-coverage curve, `(1/N) sum E_i / i` (Geifman, El-Yaniv 2017).
    public let aurc: Double
    /// What of ``aurc`` is above that of an oracle that accepts all right answers first (Geifman, Uziel, El-Yaniv
    /// 2019).
    public let excessAURC: Double
    /// The area under the generalised risk, `(1/N) sum E_i / N`: the mean risk of failures that nobody notices (Traub
    /// and others 2024).
    public let augrc: Double
    /// The selective risk after each accepted answer.
    public let risks: [Double]

    /// Measures scores; larger means less sure.
    ///
    /// - Throws: ``SelectionError``: `missingInput` without samples, `shapeMismatch` for lists of different sizes,
    ///   `notFinite` for NaN.
    public init(scores: [Double], isWrong: [Bool]) throws {
        guard !scores.isEmpty else {
            throw SelectionError(.missingInput, "risk and coverage are measured on at least one answer")
        }
        guard scores.count == isWrong.count else {
            throw SelectionError(.shapeMismatch, "there are \(scores.count) scores of \(isWrong.count) answers")
        }
        guard !scores.contains(where: \.isNaN) else {
            throw SelectionError(.notFinite, "risk and coverage cannot be measured: a score is not a number")
        }
        let order = scores.indices.sorted { scores[$0] < scores[$1] }
        let count = Double(scores.count)
        var risks: [Double] = []
        risks.reserveCapacity(scores.count)
        var (errors, area, general) = (0.0, 0.0, 0.0)
        var start = 0
        while start < order.count {
            var end = start
            var wrong = 0
            while end < order.count, scores[order[end]] == scores[order[start]] {
                wrong += isWrong[order[end]] ? 1 : 0
                end += 1
            }
            let share = Double(wrong) / Double(end - start)
            for position in start..<end {
                let expected = errors + Double(position + 1 - start) * share
                risks.append(expected / Double(position + 1))
                area += expected / Double(position + 1)
                general += expected / count
            }
            errors += Double(wrong)
            start = end
        }
        self.risks = risks
        errorRate = errors / count
        aurc = area / count
        excessAURC = aurc - Self.oracleAURC(errors: Int(errors), of: scores.count)
        augrc = general / count
    }

    /// The AURC of an oracle with m wrong of N answers: `(1/N) sum over i > N - m of (i - (N - m)) / i`, near
    /// `r + (1 - r) log(1 - r)` for r = m/N.
    public static func oracleAURC(errors: Int, of count: Int) -> Double {
        guard count > 0, errors > 0 else { return 0 }
        let right = max(count - errors, 0)
        return ((right + 1)...count).reduce(0.0) { $0 + Double($1 - right) / Double($1) } / Double(count)
    }

    /// The AUGRC of an oracle with m wrong of N answers: `m (m + 1) / (2 N^2)`.
    public static func oracleAUGRC(errors: Int, of count: Int) -> Double {
        guard count > 0 else { return 0 }
        return Double(errors) * Double(errors + 1) / (2 * Double(count) * Double(count))
    }

    /// The largest coverage at which the selective risk is `risk` or less, leaving out the first `skipping` answers,
    /// where the curve is mostly noise; 0 where there is none.
    public func coverage(atRisk risk: Double, skipping: Int = 0) -> Double {
        for position in stride(from: risks.count - 1, through: max(skipping, 0), by: -1) where risks[position] <= risk {
            return Double(position + 1) / Double(risks.count)
        }
        return 0
    }
}
