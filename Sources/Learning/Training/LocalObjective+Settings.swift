// SPDX-License-Identifier: Apache-2.0

internal import Rounds

/// The objectives that a job file can ask for, by the keys of `training.settings`.
enum LocalObjectives {
    static let knownSettings = ["proximal_mu"]

    /// The objective that the settings describe.
    ///
    /// - Throws: ``LearningError`` with code `unknownKey` or `invalidSpecification`.
    static func objective(for settings: [String: Double]) throws -> any LocalObjective {
        for key in settings.keys.sorted() where !knownSettings.contains(key) {
            throw LearningError(
                .unknownKey,
                "unknown key '\(key)' under training.settings; known: \(knownSettings.joined(separator: ", "))"
            )
        }
        guard let mu = settings["proximal_mu"], mu != 0 else { return CrossEntropyObjective() }
        guard mu > 0, Float(mu).isFinite else {
            throw LearningError(.invalidSpecification, "training.settings.proximal_mu must be 0 or more, not \(mu)")
        }
        return ProximalObjective(mu: Float(mu))
    }
}
