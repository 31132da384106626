// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How much an update counts that started from an older model (Xie, Koyejo, Gupta 2019, section 5.2).
///
/// With the staleness tau, the rounds between the model that the update started from and the one that it changes:
///
///     polynomial:  s = (1 + tau)^-exponent
///     hinge:       s = 1 for tau <= b, else 1 / (a (tau - b) + 1)
public enum StalenessWeight: Hashable, Sendable {
    /// Falls with a power of the staleness; an exponent of 0 weighs all alike, 1/2 is FedBuff's choice.
    case polynomial(exponent: Double)
    /// Falls only beyond `start`, at the rate `slope`.
    case hinge(slope: Double, start: Double)

    /// The weight: above 0 up to 1.
    public func callAsFunction(_ staleness: Int) -> Double {
        let tau = Double(max(staleness, 0))
        switch self {
        case .polynomial(let exponent): return pow(1 + tau, -exponent)
        case .hinge(let slope, let start): return tau <= start ? 1 : 1 / (slope * (tau - start) + 1)
        }
    }

    /// Reads the settings `exponent`, or `hinge-a` and `hinge-b`.
    init(_ settings: AggregationSettings, rule: String) throws {
        if let slope = try settings.optional("hinge-a") {
            let start = try settings.number("hinge-b", default: 4)
            try FaultTolerance.require(slope >= 0 && start >= 0, rule: rule, "'hinge-a' and 'hinge-b' are 0 or more")
            self = .hinge(slope: slope, start: start)
        } else {
            let exponent = try settings.number("exponent", default: 0.5)
            try FaultTolerance.require(exponent >= 0, rule: rule, "'exponent' is 0 or more, not \(exponent)")
            self = .polynomial(exponent: exponent)
        }
    }
}
