// SPDX-License-Identifier: Apache-2.0

import Rounds

/// Byzantine clients of a scenario: they know every honest update of the round, collude, and all send the same.
///
///     attack: {name: alie, clients: 2, settings: {tau: 1.5}}
public struct AttackSpecification: Sendable, Codable, Hashable {
    /// The attack's name: one of those of the aggregation module, or `label-flip`, whose clients train honest clients'
    /// samples with the classes in reverse order (label c becomes classes - 1 - c).
    public var name: String
    /// The Byzantine clients: the last ones of the scenario. They have no samples of their own.
    public var clients: Int
    /// Further numbers that the attack understands, by name.
    public var settings: [String: Double]

    /// The attack that trains on samples with wrong labels.
    static let labelFlip = "label-flip"

    /// Creates a description.
    public init(name: String, clients: Int, settings: [String: Double] = [:]) {
        self.name = name
        self.clients = clients
        self.settings = settings
    }

    /// Reads the `attack:` part of a scenario file.
    public init(from decoder: any Decoder) throws {
        let file = try StrictContainer(decoder, known: ["name", "clients", "settings"])
        name = try file.required("name")
        clients = try file.value("clients", default: 1)
        settings = try file.value("settings", default: [:])
        try file.check(clients >= 0 && clients <= 1_000_000, "clients", "0 or more")
    }
}
