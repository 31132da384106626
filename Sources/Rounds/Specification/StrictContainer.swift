// SPDX-License-Identifier: Apache-2.0

/// Reads a mapping of a job or scenario file: missing keys take their defaults, unknown keys are refused by name.
///
/// A misspelt key that is silently ignored costs its author an experiment.
package struct StrictContainer {
    package struct Key: CodingKey {
        package let stringValue: String
        package var intValue: Int? { nil }

        package init(stringValue: String) { self.stringValue = stringValue }
        package init?(intValue: Int) { nil }
    }

    private let container: KeyedDecodingContainer<Key>
    private let path: String

    /// Opens the mapping and checks its keys.
    ///
    /// - Throws: ``SpecificationError`` with code `unknownKey` that lists the known keys.
    package init(_ decoder: any Decoder, known: [String]) throws {
        container = try decoder.container(keyedBy: Key.self)
        path = decoder.codingPath.map(\.stringValue).joined(separator: ".")
        for key in container.allKeys where !known.contains(key.stringValue) {
            let place = path.isEmpty ? "" : " under '\(path)'"
            throw SpecificationError(
                .unknownKey,
                "unknown key '\(key.stringValue)'\(place); known: \(known.sorted().joined(separator: ", "))"
            )
        }
    }

    /// The value of a key, or the default where the key is missing.
    package func value<Value: Decodable>(_ key: String, default fallback: Value) throws -> Value {
        try optional(key) ?? fallback
    }

    /// The value of a key that must be there.
    package func required<Value: Decodable>(_ key: String) throws -> Value {
        guard let value: Value = try optional(key) else {
            throw SpecificationError(.missingKey, "'\(full(key))' is missing")
        }
        return value
    }

    /// The value of a key, or nil where the key is missing.
    package func optional<Value: Decodable>(_ key: String) throws -> Value? {
        do {
            return try container.decodeIfPresent(Value.self, forKey: Key(stringValue: key))
        } catch let error as SpecificationError {
            throw error
        } catch let error as DecodingError {
            if case .dataCorrupted(let context) = error {
                throw SpecificationError(.invalidValue, "'\(full(key))': \(context.debugDescription)")
            }
            throw SpecificationError(.invalidValue, "'\(full(key))' has a value of the wrong kind")
        } catch {
            // Decoders report a number that its type cannot hold with errors of their own.
            throw SpecificationError(.invalidValue, "'\(full(key))' has a value out of range")
        }
    }

    /// One of a few words, or the default where the key is missing.
    package func choice<Value: RawRepresentable & CaseIterable>(
        _ key: String,
        default fallback: Value
    ) throws -> Value where Value.RawValue == String {
        guard let word: String = try optional(key) else { return fallback }
        if let value = Value(rawValue: word) { return value }
        let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
        throw SpecificationError(.invalidValue, "'\(full(key))' is '\(word)'; it takes one of: \(known)")
    }

    /// Refuses a value that is out of its range.
    package func check(_ condition: Bool, _ key: String, _ requirement: String) throws {
        guard condition else {
            throw SpecificationError(.invalidValue, "'\(full(key))' must be \(requirement)")
        }
    }

    private func full(_ key: String) -> String {
        path.isEmpty ? key : "\(path).\(key)"
    }
}
