// SPDX-License-Identifier: Apache-2.0

/// One key of a scenario and the values that a sweep gives it.
///
///     strategy=fedavg,fedld
///     training.learning_rate=0.01,0.1
///     seed=1..5
///     strategy=fedavg,prox:{preset: fedprox, settings: {proximal_mu: 0.1}}
///
/// Values are YAML. Commas inside brackets and quotes do not separate; `A..B` stands for all whole numbers from A to B;
/// `name:` right before a bracket names a value for tables and legends.
public struct SweepAxis: Sendable, Hashable {
    /// A value of the key.
    public struct Value: Sendable, Hashable {
        /// What it is called in tables and legends.
        public let name: String
        /// The value as YAML.
        public let text: String

        /// Creates a value.
        public init(name: String, text: String) {
            self.name = name
            self.text = text
        }
    }

    /// The key, with dots as `--set` has them.
    public let key: String
    /// The values in order, all with different names.
    public let values: [Value]

    /// The most values that one axis may have.
    private static let limit = 100_000

    /// Reads `key=value,value,...`.
    ///
    /// - Throws: ``ReportingError`` with code `invalidSweep`.
    public init(parsing text: String) throws {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw ReportingError(.invalidSweep, "--sweep takes key=value,value,..., not '\(text)'")
        }
        try self.init(key: String(text[..<equals]), list: String(text[text.index(after: equals)...]))
    }

    /// Reads the values of a key: `value,value,...`.
    ///
    /// - Throws: ``ReportingError`` with code `invalidSweep`.
    public init(key: String, list: String) throws {
        var values: [Value] = []
        for piece in try Self.pieces(of: list, key: key) {
            values += try Self.numbers(piece, key: key) ?? [Self.value(piece)]
        }
        try self.init(key: key, values: values)
    }

    /// Takes values that were read otherwise.
    ///
    /// - Throws: ``ReportingError`` with code `invalidSweep` for no values, or two of one name.
    public init(key: String, values: [Value]) throws {
        guard !key.isEmpty, !values.isEmpty, values.allSatisfy({ !$0.text.isEmpty }) else {
            throw ReportingError(.invalidSweep, "'\(key)' of a sweep has an empty value; it takes \(key)=value,value")
        }
        var names = Set<String>()
        for value in values where !names.insert(value.name).inserted {
            throw ReportingError(.invalidSweep, "'\(key)' of a sweep has '\(value.name)' twice; name the values apart")
        }
        self.key = key
        self.values = values
    }

    /// The text between the commas that separate.
    private static func pieces(of text: String, key: String) throws -> [String] {
        var (pieces, piece, closing, quote): ([String], String, [Character], Character?) = ([], "", [], nil)
        for character in text {
            if let open = quote {
                if character == open { quote = nil }
            } else {
                switch character {
                case "\"", "'": quote = character
                case "{": closing.append("}")
                case "[": closing.append("]")
                case "}", "]":
                    guard closing.popLast() == character else { throw unbalanced(key, text) }
                case "," where closing.isEmpty:
                    pieces.append(trimmed(piece))
                    piece = ""
                    continue
                default: break
                }
            }
            piece.append(character)
        }
        guard closing.isEmpty, quote == nil else { throw unbalanced(key, text) }
        return pieces + [trimmed(piece)]
    }

    private static func unbalanced(_ key: String, _ text: String) -> ReportingError {
        ReportingError(.invalidSweep, "'\(key)' of a sweep has a bracket or quote that is not closed: \(text)")
    }

    private static func trimmed(_ text: String) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }

    /// The numbers of `A..B`; nil for other text.
    private static func numbers(_ text: String, key: String) throws -> [Value]? {
        guard let dots = text.firstRange(of: ".."), let first = Int(text[..<dots.lowerBound]),
            let last = Int(text[dots.upperBound...])
        else { return nil }
        guard first <= last, last - first < limit else {
            throw ReportingError(.invalidSweep, "'\(key)' of a sweep: \(text) is no range of up to \(limit) numbers")
        }
        return (first...last).map { Value(name: "\($0)", text: "\($0)") }
    }

    private static func value(_ text: String) -> Value {
        if let colon = text.firstIndex(of: ":"), colon != text.startIndex {
            let rest = text[text.index(after: colon)...]
            let isName = text[..<colon].allSatisfy { $0.isLetter || $0.isNumber || "-_.+ ".contains($0) }
            if isName, rest.hasPrefix("{") || rest.hasPrefix("[") {
                return Value(name: String(text[..<colon]), text: String(rest))
            }
        }
        let isQuoted = text.count > 1 && text.first == text.last && (text.first == "\"" || text.first == "'")
        return Value(name: isQuoted ? String(text.dropFirst().dropLast()) : text, text: text)
    }
}
