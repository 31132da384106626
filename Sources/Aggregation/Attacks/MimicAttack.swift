// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Copies one honest update, which tilts rules that trust agreement towards that client (Karimireddy and others 2022).
public struct MimicAttack: Attack {
    /// `mimic`.
    public var name: String { "mimic" }
    /// The honest update that is copied.
    public let victim: Int

    /// Creates the attack.
    public init(victim: Int = 0) {
        self.victim = victim
    }

    /// The honest update.
    public func byzantineUpdate(honest: [ParameterVector], seed: Seed) throws -> ParameterVector {
        try FaultTolerance.require(
            honest.indices.contains(victim),
            rule: name,
            "there is no honest update \(victim) among \(honest.count)"
        )
        return honest[victim]
    }
}
