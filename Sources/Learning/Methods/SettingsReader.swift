// SPDX-License-Identifier: Apache-2.0

/// Reads numbers of `training.settings` and refuses those outside their range.
struct SettingsReader {
    let settings: [String: Double]

    /// Throws for a key that is not known.
    func refuseUnknown(known: [String]) throws {
        for key in settings.keys.sorted() where !known.contains(key) {
            throw LearningError(
                .unknownKey,
                "unknown key '\(key.prefix(64))' under training.settings; known: \(known.joined(separator: ", "))"
            )
        }
    }

    /// A number that is 0 or more; 0 without the key.
    func factor(_ key: String) throws -> Float {
        let value = settings[key] ?? 0
        // A positive number that a float cannot hold would switch the method off in silence.
        guard value == 0 || (value > 0 && Float(value) > 0 && Float(value).isFinite) else {
            throw refusal(key, "0 or more", value)
        }
        return Float(value)
    }

    /// A number above 0; nil without the key.
    func positive(_ key: String) throws -> Float? {
        guard let value = settings[key] else { return nil }
        guard Float(value) > 0, Float(value).isFinite else { throw refusal(key, "above 0", value) }
        return Float(value)
    }

    /// A whole number; nil without the key.
    func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let value = settings[key] else { return nil }
        guard let whole = Int(exactly: value), range.contains(whole) else {
            throw refusal(key, "a whole number from \(range.lowerBound) to \(range.upperBound)", value)
        }
        return whole
    }

    /// Whether a switch is on; off without the key.
    func flag(_ key: String) throws -> Bool {
        let value = settings[key] ?? 0
        guard value == 0 || value == 1 else { throw refusal(key, "0 or 1", value) }
        return value == 1
    }

    private func refusal(_ key: String, _ range: String, _ value: Double) -> LearningError {
        LearningError(.invalidSpecification, "training.settings.\(key) must be \(range), not \(value)")
    }
}
