// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Sends a point on a line through the mean of the honest updates: `mean + factor * direction`.
///
/// | attack | direction | factor |
/// |---|---|---|
/// | sign flip | -mean | 2, which sends -mean |
/// | inner-product manipulation (IPM; Xie and others 2020) | -mean | 1 + tau, which sends -tau mean |
/// | a little is enough (ALIE; Baruch and others 2019) | the standard deviation of each coordinate | tau |
public struct DirectedAttack: Attack {
    private enum Direction { case negativeMean, deviation }

    /// `sign-flip`, `ipm` or `alie`.
    public let name: String
    private let direction: Direction
    private let factor: Double

    /// Sends the negative mean.
    public static let signFlip = DirectedAttack(name: "sign-flip", direction: .negativeMean, factor: 2)

    /// Sends `-tau` times the mean.
    public static func innerProductManipulation(tau: Double = 2) -> DirectedAttack {
        DirectedAttack(name: "ipm", direction: .negativeMean, factor: 1 + tau)
    }

    /// Sends the mean plus tau standard deviations.
    public static func littleIsEnough(tau: Double = 1.5) -> DirectedAttack {
        DirectedAttack(name: "alie", direction: .deviation, factor: tau)
    }

    private init(name: String, direction: Direction, factor: Double) {
        self.name = name
        self.direction = direction
        self.factor = factor
    }

    /// The point on the line.
    public func byzantineUpdate(honest: [ParameterVector], seed: Seed) throws -> ParameterVector {
        let line = line(honest)
        return ParameterVector(rounding: zip(line.mean, line.direction).map { $0 + factor * $1 })
    }

    /// The mean and the direction.
    func line(_ honest: [ParameterVector]) -> (mean: [Double], direction: [Double]) {
        let mean = HonestStatistics.mean(honest)
        switch direction {
        case .negativeMean: return (mean, mean.map { -$0 })
        case .deviation: return (mean, HonestStatistics.standardDeviation(honest, mean: mean))
        }
    }

    /// The factor that sends the point named by the attack's own parameter tau.
    func factor(tau: Double) -> Double { direction == .negativeMean ? 1 + tau : tau }
}
