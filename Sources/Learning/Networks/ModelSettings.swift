// SPDX-License-Identifier: Apache-2.0

internal import Rounds

/// The numbers under `model.settings`.
struct ModelSettings {
    private let values: [String: Double]

    /// Refuses what the kind does not know.
    ///
    /// - Throws: ``LearningError`` with code `unknownKey`.
    init(_ specification: ModelSpecification, known: [String]) throws {
        for key in specification.settings.keys.sorted() where !known.contains(key) {
            throw LearningError(
                .unknownKey,
                "unknown key '\(key)' under model.settings of a \(specification.kind) model; "
                    + "known: \(known.joined(separator: ", "))"
            )
        }
        values = specification.settings
    }

    /// A whole number from 1 on.
    ///
    /// - Throws: ``LearningError`` with code `unknownModel`.
    func size(_ key: String, default standard: Int, upTo limit: Int) throws -> Int {
        guard let value = values[key] else { return min(standard, limit) }
        guard value >= 1, value <= Double(limit), value == value.rounded() else {
            throw LearningError(.unknownModel, "model.settings.\(key) must be a whole number from 1 to \(limit)")
        }
        return Int(value)
    }

    /// A fraction from 0 up to, not including, 1.
    ///
    /// - Throws: ``LearningError`` with code `unknownModel`.
    func fraction(_ key: String, default standard: Double) throws -> Double {
        guard let value = values[key] else { return standard }
        guard value >= 0, value < 1 else {
            throw LearningError(.unknownModel, "model.settings.\(key) must be from 0 up to, not including, 1")
        }
        return value
    }
}
