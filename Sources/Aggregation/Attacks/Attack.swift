// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// What Byzantine clients send, knowing every honest update of the round (Byzantine clients collude: all send the
/// same).
///
/// For the simulator and for tests of robust rules.
public protocol Attack: Sendable {
    /// The name as users write it: lower case with hyphens.
    var name: String { get }

    /// The update that every Byzantine client sends.
    ///
    /// - Parameters:
    ///   - honest: the honest updates, at least one, all of the same length.
    ///   - seed: the randomness of this round, for attacks that draw.
    /// - Throws: ``AggregationError`` where a parameter does not fit the honest updates, and what a rule throws that an
    ///   optimised attack tries.
    func byzantineUpdate(honest: [ParameterVector], seed: Seed) throws -> ParameterVector
}

/// The statistics of honest updates that attacks are made of.
enum HonestStatistics {
    /// The mean of the updates, in double precision.
    static func mean(_ honest: [ParameterVector]) -> [Double] {
        precondition(!honest.isEmpty, "an attack needs an honest update to start from")
        var mean = [Double](repeating: 0, count: honest[0].count)
        for update in honest {
            precondition(update.count == mean.count, "honest updates of different lengths")
            update.withElements { for (index, value) in $0.enumerated() { mean[index] += Double(value) } }
        }
        return mean.map { $0 / Double(honest.count) }
    }

    /// The standard deviation of each coordinate, with n - 1 in the denominator; 0 for a single update.
    static func standardDeviation(_ honest: [ParameterVector], mean: [Double]) -> [Double] {
        var squares = [Double](repeating: 0, count: mean.count)
        for update in honest {
            update.withElements {
                for (index, value) in $0.enumerated() {
                    squares[index] += (Double(value) - mean[index]) * (Double(value) - mean[index])
                }
            }
        }
        return squares.map { ($0 / Double(max(honest.count - 1, 1))).squareRoot() }
    }
}

extension ParameterVector {
    /// The vector of these numbers, rounded to floats.
    init(rounding values: [Double]) {
        self.init(values.map { Float($0) })
    }
}
