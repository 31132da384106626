// SPDX-License-Identifier: Apache-2.0

/// A condition on an agent's labels: `region=eu & ram>4`, `!(os=linux | os="mac os") & gpu!=none`.
///
///     predicate  = and { "|" and }
///     and        = factor { "&" factor }
///     factor     = "!" factor | "(" predicate ")" | comparison
///     comparison = name ("=" | "!=" | "<" | "<=" | ">" | ">=") value
///     name       = letter or "_", then letters, digits, "_", ".", "-", "/"
///     value      = letters, digits, "_", ".", "-", "+", "/", ":"  |  '"' anything but '"' '"'
///
/// `=` holds where the texts are equal or both are numbers of equal value; `!=` where `=` does not, so also where the
/// label is missing. The other comparisons hold only between numbers and need one as value. Text has at most
/// ``maximumLength`` characters, nesting at most ``maximumDepth`` levels; any text gives a predicate or an error.
public struct LabelPredicate: Sendable, Hashable {
    /// The longest text, in characters.
    public static let maximumLength = 4_096
    /// The deepest nesting of parentheses and negations.
    public static let maximumDepth = 64

    /// The two sides of a comparison meet so.
    enum Comparison: String, Sendable, Hashable {
        case equal = "="
        case unequal = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
    }

    /// A part of the condition.
    indirect enum Node: Sendable, Hashable {
        case comparison(name: String, Comparison, value: String, number: Double?)
        case not(Node)
        case all([Node])
        case any([Node])
    }

    /// The condition's text as it was given.
    public let text: String
    let root: Node

    /// Reads a condition.
    ///
    /// - Throws: ``SelectionError`` with code `invalidPredicate` and the column.
    public init(parsing text: String) throws {
        var parser = LabelPredicateParser(text)
        root = try parser.parse()
        self.text = text
    }

    /// Whether an agent meets the condition.
    public func matches(_ candidate: ClientCandidate) -> Bool {
        matches(labels: candidate.labels, numbers: candidate.numbers)
    }

    /// Whether labels and numbers meet the condition; a number hides a label of the same name.
    public func matches(labels: [String: String], numbers: [String: Double] = [:]) -> Bool {
        Self.holds(root, labels, numbers)
    }

    private static func holds(_ node: Node, _ labels: [String: String], _ numbers: [String: Double]) -> Bool {
        switch node {
        case .not(let inner): return !holds(inner, labels, numbers)
        case .all(let parts): return parts.allSatisfy { holds($0, labels, numbers) }
        case .any(let parts): return parts.contains { holds($0, labels, numbers) }
        case .comparison(let name, let comparison, let value, let number):
            let known = numbers[name] ?? labels[name].flatMap(number(of:))
            switch comparison {
            case .equal, .unequal:
                let sameNumber = known.map { $0 == number } ?? false
                let sameText = numbers[name] == nil && labels[name] == value
                return (sameNumber || sameText) == (comparison == .equal)
            case .less: return compare(known, number, <)
            case .lessOrEqual: return compare(known, number, <=)
            case .greater: return compare(known, number, >)
            case .greaterOrEqual: return compare(known, number, >=)
            }
        }
    }

    private static func compare(_ known: Double?, _ number: Double?, _ holds: (Double, Double) -> Bool) -> Bool {
        guard let known, let number else { return false }
        return holds(known, number)
    }

    /// The number that a text is: decimal digits with sign, point and exponent, finite.
    static func number(of text: String) -> Double? {
        let allowed = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "e"), UInt8(ascii: "E"):
                true
            default: false
            }
        }
        guard allowed, let number = Double(text), number.isFinite else { return nil }
        return number
    }
}

extension LabelPredicate: CustomStringConvertible, Codable {
    /// The text.
    public var description: String { text }

    /// Decodes the text.
    public init(from decoder: any Decoder) throws {
        try self.init(parsing: decoder.singleValueContainer().decode(String.self))
    }

    /// Encodes the text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
