// SPDX-License-Identifier: Apache-2.0

/// Finds aggregation rules by name.
public enum AggregationRegistry {
    /// The rule with this name.
    ///
    /// - Throws: ``AggregationError`` with code `unknownRule` or `invalidParameter`.
    public static func rule(named name: String, settings: [String: Double] = [:]) throws -> any AggregationRule {
        guard name == "fedavg" else {
            throw AggregationError(.unknownRule, "no aggregation rule is named '\(name)'; known: fedavg")
        }
        guard let key = settings.keys.min() else { return FederatedAveraging() }
        throw AggregationError(.invalidParameter, "fedavg has no setting '\(key)'")
    }
}
