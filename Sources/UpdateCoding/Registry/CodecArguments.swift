// SPDX-License-Identifier: Apache-2.0

/// The `key=value` pairs of one part of a codec specification: `bits=2,scale=mse`.
public struct CodecArguments: Sendable {
    /// The part's name: `ecdq`.
    public let name: String
    private let values: [String: String]

    /// Splits `name:key=value,key=value`.
    ///
    /// - Throws: ``UpdateCodingError`` with code `unknownCodec` for text that is not of this form or repeats a key.
    init(_ text: Substring) throws(UpdateCodingError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        name = String(parts[0])
        var values: [String: String] = [:]
        if parts.count == 2 {
            for pair in parts[1].split(separator: ",", omittingEmptySubsequences: false) {
                let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard sides.count == 2, !sides[0].isEmpty, !sides[1].isEmpty else {
                    throw UpdateCodingError(.unknownCodec, "codec '\(text)': '\(pair)' is not of the form key=value")
                }
                guard values.updateValue(String(sides[1]), forKey: String(sides[0])) == nil else {
                    throw UpdateCodingError(.unknownCodec, "codec '\(text)' gives '\(sides[0])' twice")
                }
            }
        }
        self.values = values
    }

    /// Refuses keys that the codec does not know, listing those it does.
    ///
    /// - Throws: ``UpdateCodingError`` with code `unknownCodec`.
    public func allow(_ keys: String...) throws(UpdateCodingError) {
        try allow(keys)
    }

    /// Refuses keys that are not among these.
    ///
    /// - Throws: ``UpdateCodingError`` with code `unknownCodec`.
    public func allow(_ keys: [String]) throws(UpdateCodingError) {
        for key in values.keys.sorted() where !keys.contains(key) {
            let known = keys.isEmpty ? "it takes none" : "known: \(keys.joined(separator: ", "))"
            throw UpdateCodingError(.unknownCodec, "codec '\(name)' has no key '\(key)'; \(known)")
        }
    }

    /// Whether the key is given.
    public func contains(_ key: String) -> Bool { values[key] != nil }

    /// A number within `range`; the default where the key is missing, an error where there is none.
    ///
    /// - Throws: ``UpdateCodingError`` with code `unknownCodec`.
    public func number(
        _ key: String,
        in range: ClosedRange<Double>,
        default fallback: Double? = nil
    ) throws(UpdateCodingError) -> Double {
        guard let text = values[key] else {
            if let fallback { return fallback }
            throw UpdateCodingError(.unknownCodec, "codec '\(name)' needs '\(key)', a number of \(Self.text(range))")
        }
        guard let value = NumberText.number(text), range.contains(value) else {
            throw UpdateCodingError(
                .unknownCodec,
                "codec '\(name)': '\(key)=\(text)' must be a number of \(Self.text(range))"
            )
        }
        return value
    }

    /// A whole number within `range`.
    ///
    /// - Throws: ``UpdateCodingError`` with code `unknownCodec`.
    public func integer(
        _ key: String,
        in range: ClosedRange<Int>,
        default fallback: Int? = nil
    ) throws(UpdateCodingError) -> Int {
        let bounds = Double(range.lowerBound)...Double(range.upperBound)
        let value = try number(key, in: bounds, default: fallback.map { Double($0) })
        guard value == value.rounded() else {
            throw UpdateCodingError(.unknownCodec, "codec '\(name)': '\(key)' must be a whole number")
        }
        return Int(value)
    }

    /// One of the given words.
    ///
    /// - Throws: ``UpdateCodingError`` with code `unknownCodec`.
    public func word(_ key: String, of words: [String], default fallback: String) throws(UpdateCodingError) -> String {
        guard let text = values[key] else { return fallback }
        guard words.contains(text) else {
            throw UpdateCodingError(
                .unknownCodec,
                "codec '\(name)': '\(key)=\(text)' must be one of \(words.joined(separator: ", "))"
            )
        }
        return text
    }

    private static func text(_ range: ClosedRange<Double>) -> String {
        "\(NumberText.text(range.lowerBound)) ... \(NumberText.text(range.upperBound))"
    }
}
