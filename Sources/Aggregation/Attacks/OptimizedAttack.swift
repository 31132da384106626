// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Searches the factor of IPM or ALIE that drives a given defence farthest from the honest mean (Shejwalkar and
/// Houmansadr 2021; the search of ByzFL).
///
///     maximise over tau |rule(honest + f copies of attack(tau)) - mean(honest)|
///
/// with 20 evaluations of the rule: from tau = 0 with step 10, doubling the step while the distance grows; after the
/// first failure the step shrinks by 0.8 before each further try, always forward from the best tau.
public struct OptimizedAttack: Attack {
    /// The evaluations of the defence.
    public static let evaluations = 20

    /// `optimal-ipm` or `optimal-alie`.
    public var name: String { "optimal-\(base.name)" }
    private let base: DirectedAttack
    private let rule: any AggregationRule
    private let faulty: Int

    /// Searches along the negative mean, against `rule` with `faulty` Byzantine updates.
    public static func innerProductManipulation(against rule: any AggregationRule, faulty: Int) -> OptimizedAttack {
        OptimizedAttack(base: .innerProductManipulation(), rule: rule, faulty: faulty)
    }

    /// Searches along the standard deviation, against `rule` with `faulty` Byzantine updates.
    public static func littleIsEnough(against rule: any AggregationRule, faulty: Int) -> OptimizedAttack {
        OptimizedAttack(base: .littleIsEnough(), rule: rule, faulty: faulty)
    }

    private init(base: DirectedAttack, rule: any AggregationRule, faulty: Int) {
        precondition(faulty >= 1, "an attack needs a Byzantine client")
        self.base = base
        self.rule = rule
        self.faulty = faulty
    }

    /// The update with the best factor found.
    public func byzantineUpdate(honest: [ParameterVector], seed: Seed) throws -> ParameterVector {
        let (mean, direction) = base.line(honest)
        func update(_ tau: Double) -> ParameterVector {
            let factor = base.factor(tau: tau)
            return ParameterVector(rounding: zip(mean, direction).map { $0 + factor * $1 })
        }
        let best = try Self.search { tau in
            try distance(of: honest + [ParameterVector](repeating: update(tau), count: faulty), from: mean)
        }
        return update(best)
    }

    /// The forward line search.
    static func search(_ evaluate: (_ tau: Double) throws -> Double) rethrows -> Double {
        var (best, step) = (0.0, 10.0)
        var (highest, expanding) = (try evaluate(0), true)
        for _ in 1..<evaluations {
            let value = try evaluate(best + step)
            if value > highest {
                (highest, best) = (value, best + step)
                step *= expanding ? 2 : 0.8
            } else {
                expanding = false
                step *= 0.8
            }
        }
        return best
    }

    private func distance(of updates: [ParameterVector], from mean: [Double]) throws -> Double {
        let layout = try TensorLayout([.init(name: "update", shape: TensorShape([mean.count]))])
        var squared = 0.0
        try rule.aggregate(MemoryUpdateSet(layout: layout, updates: updates)) { start, values in
            for (index, value) in values.enumerated() {
                let difference = value - mean[start + index]
                squared += difference * difference
            }
        }
        return squared.squareRoot()
    }
}
