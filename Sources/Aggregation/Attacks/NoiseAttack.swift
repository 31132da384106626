// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Sends values that have nothing to do with the honest updates: independent Gaussian ones, infinity or not-a-number.
public struct NoiseAttack: Attack {
    private enum Value {
        case gaussian(mean: Double, deviation: Double)
        case constant(Float)
    }

    /// `gaussian`, `inf` or `nan`.
    public let name: String
    private let value: Value

    /// Sends infinity everywhere.
    public static let infinity = NoiseAttack(name: "inf", value: .constant(.infinity))
    /// Sends not-a-number everywhere.
    public static let notANumber = NoiseAttack(name: "nan", value: .constant(.nan))

    /// Sends independent draws from a normal distribution.
    public static func gaussian(mean: Double = 0, deviation: Double = 1) -> NoiseAttack {
        NoiseAttack(name: "gaussian", value: .gaussian(mean: mean, deviation: deviation))
    }

    private init(name: String, value: Value) {
        self.name = name
        self.value = value
    }

    /// The values.
    public func byzantineUpdate(honest: [ParameterVector], seed: Seed) throws -> ParameterVector {
        precondition(!honest.isEmpty, "an attack needs an honest update to know the length of one")
        var update = ParameterVector(zeros: honest[0].count)
        var generator = SeededGenerator(seed: seed.deriving("gaussian-attack"))
        update.withMutableElements { elements in
            for index in elements.indices {
                elements[index] =
                    switch value {
                    case .gaussian(let mean, let deviation): Float(mean + deviation * generator.normal())
                    case .constant(let constant): constant
                    }
            }
        }
        return update
    }
}
