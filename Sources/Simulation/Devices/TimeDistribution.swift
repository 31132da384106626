// SPDX-License-Identifier: Apache-2.0

import Glibc
import Randomness
import Rounds

/// How a number that is 0 or more varies: `constant:2`, `uniform:1,5`, `exponential:10`, `half-normal:4`,
/// `lognormal:10,0.8`, `pareto:1,1.5`.
public enum TimeDistribution: Hashable, Sendable {
    /// Always the same.
    case constant(Double)
    /// Between two values.
    case uniform(Double, Double)
    /// Of this mean.
    case exponential(mean: Double)
    /// The absolute value of a normal variable with this deviation, as FedBuff's authors model delays.
    case halfNormal(scale: Double)
    /// `median e^(sigma z)`.
    case lognormal(median: Double, sigma: Double)
    /// At least `minimum`, with the tail `P(x > t) = (minimum / t)^shape`: for a shape up to 2 its variance is
    /// infinite.
    case pareto(minimum: Double, shape: Double)

    /// Reads the text that users write.
    ///
    /// - Throws: `SpecificationError` with code `invalidValue`, naming `key`.
    public init(parsing text: String, key: String) throws {
        let halves = text.split(separator: ":", maxSplits: 1).map(String.init)
        let numbers = halves.count == 2 ? halves[1].split(separator: ",").map { Double($0) } : []
        let values = numbers.compactMap { $0 }.filter { $0 >= 0 && $0.isFinite }
        let isSound = values.count == numbers.count
        switch (halves.first, values.count) {
        case ("constant", 1) where isSound: self = .constant(values[0])
        case ("uniform", 2) where isSound && values[0] <= values[1]: self = .uniform(values[0], values[1])
        case ("exponential", 1) where isSound: self = .exponential(mean: values[0])
        case ("half-normal", 1) where isSound: self = .halfNormal(scale: values[0])
        case ("lognormal", 2) where isSound: self = .lognormal(median: values[0], sigma: values[1])
        case ("pareto", 2) where isSound && values[1] > 0: self = .pareto(minimum: values[0], shape: values[1])
        default:
            throw SpecificationError(
                .invalidValue,
                "'\(key)' is '\(text)'; write constant:S, uniform:A,B, exponential:MEAN, half-normal:S, "
                    + "lognormal:MEDIAN,SIGMA or pareto:MINIMUM,SHAPE with numbers of 0 or more"
            )
        }
    }

    /// Draws a value: 0 or more.
    func draw(_ generator: inout SeededGenerator) -> Double {
        switch self {
        case .constant(let value): value
        case .uniform(let low, let high): low + (high - low) * generator.uniform()
        case .exponential(let mean): -mean * log1p(-generator.uniform())
        case .halfNormal(let scale): scale * abs(generator.normal())
        case .lognormal(let median, let sigma): median * exp(sigma * generator.normal())
        case .pareto(let minimum, let shape): minimum * pow(1 - generator.uniform(), -1 / shape)
        }
    }
}
