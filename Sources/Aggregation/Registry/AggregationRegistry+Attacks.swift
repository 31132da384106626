// SPDX-License-Identifier: Apache-2.0

extension AggregationRegistry {
    struct AttackEntry {
        let name: String
        let keys: [String]
        let make: @Sendable (AggregationSettings, any AggregationRule, Int) throws -> any Attack
    }

    /// The names of all attacks.
    public static var attackNames: [String] { attacks.map(\.name) }

    /// The attack of this name, for simulations.
    ///
    /// - Parameters:
    ///   - name: one of ``attackNames``.
    ///   - settings: numbers by name.
    ///   - rule: the defence, which the optimised attacks know.
    ///   - faulty: the number of Byzantine clients, at least 1.
    /// - Throws: ``AggregationError``: `unknownRule`, `unknownSetting` (both list the known), `invalidParameter`.
    public static func attack(
        named name: String,
        settings: [String: Double] = [:],
        against rule: any AggregationRule,
        faulty: Int
    ) throws -> any Attack {
        let entry = try find(name, in: attacks, name: \.name, kind: "attack")
        try refuseUnknown(settings, parts: [(entry.name, entry.keys)])
        try FaultTolerance.require(
            faulty >= 1,
            rule: name,
            "an attack needs at least one Byzantine client, not \(faulty)"
        )
        return try entry.make(.init(settings, part: entry.name, known: entry.keys), rule, faulty)
    }

    static let attacks: [AttackEntry] = [
        AttackEntry(name: "sign-flip", keys: []) { _, _, _ in DirectedAttack.signFlip },
        AttackEntry(name: "ipm", keys: ["tau"]) { settings, _, _ in
            DirectedAttack.innerProductManipulation(tau: try settings.number("tau", default: 2))
        },
        AttackEntry(name: "alie", keys: ["tau"]) { settings, _, _ in
            DirectedAttack.littleIsEnough(tau: try settings.number("tau", default: 1.5))
        },
        AttackEntry(name: "optimal-ipm", keys: []) { _, rule, faulty in
            OptimizedAttack.innerProductManipulation(against: rule, faulty: faulty)
        },
        AttackEntry(name: "optimal-alie", keys: []) { _, rule, faulty in
            OptimizedAttack.littleIsEnough(against: rule, faulty: faulty)
        },
        AttackEntry(name: "mimic", keys: ["victim"]) { settings, _, _ in
            MimicAttack(victim: try settings.count("victim", default: 0))
        },
        AttackEntry(name: "gaussian", keys: ["mean", "deviation"]) { settings, _, _ in
            NoiseAttack.gaussian(
                mean: try settings.number("mean", default: 0),
                deviation: try settings.number("deviation", default: 1)
            )
        },
        AttackEntry(name: "inf", keys: []) { _, _, _ in NoiseAttack.infinity },
        AttackEntry(name: "nan", keys: []) { _, _, _ in NoiseAttack.notANumber },
    ]
}
