// SPDX-License-Identifier: Apache-2.0

/// Reads the text of a ``LabelPredicate`` by recursive descent, in bounded depth.
struct LabelPredicateParser {
    private let characters: [Character]
    private var position = 0

    init(_ text: String) {
        // One more than allowed is enough to see that it is too long.
        characters = Array(text.prefix(LabelPredicate.maximumLength + 1))
    }

    mutating func parse() throws -> LabelPredicate.Node {
        guard characters.count <= LabelPredicate.maximumLength else {
            position = LabelPredicate.maximumLength
            throw error("the text is longer than \(LabelPredicate.maximumLength) characters")
        }
        let node = try any(depth: 0)
        skipSpace()
        guard position == characters.count else {
            throw error("expected '&', '|' or the end, found '\(characters[position])'")
        }
        return node
    }

    private mutating func any(depth: Int) throws -> LabelPredicate.Node {
        var parts = [try all(depth: depth)]
        while take("|") { parts.append(try all(depth: depth)) }
        return parts.count == 1 ? parts[0] : .any(parts)
    }

    private mutating func all(depth: Int) throws -> LabelPredicate.Node {
        var parts = [try factor(depth: depth)]
        while take("&") { parts.append(try factor(depth: depth)) }
        return parts.count == 1 ? parts[0] : .all(parts)
    }

    private mutating func factor(depth: Int) throws -> LabelPredicate.Node {
        guard depth < LabelPredicate.maximumDepth else {
            throw error("conditions nest at most \(LabelPredicate.maximumDepth) levels deep")
        }
        if take("!") { return .not(try factor(depth: depth + 1)) }
        guard take("(") else { return try comparison() }
        let node = try any(depth: depth + 1)
        guard take(")") else { throw error("expected ')', found \(found)") }
        return node
    }

    private mutating func comparison() throws -> LabelPredicate.Node {
        skipSpace()
        guard let first = current, first == "_" || Self.isLetter(first) else {
            throw error("expected the name of a label, found \(found)")
        }
        let name = word { Self.isLetter($0) || Self.isDigit($0) || "_.-/".contains($0) }
        let comparison = try comparisonOperator(after: name)
        skipSpace()
        let start = position
        let isQuoted = current == "\""
        let value = isQuoted ? try quoted() : word { Self.isLetter($0) || Self.isDigit($0) || "_.-+/:".contains($0) }
        guard isQuoted || !value.isEmpty else {
            throw error("expected a value after '\(comparison.rawValue)', found \(found)")
        }
        let number = LabelPredicate.number(of: value)
        if number == nil, comparison != .equal, comparison != .unequal {
            position = start
            throw error("'\(comparison.rawValue)' compares numbers; '\(value.prefix(32))' is none")
        }
        return .comparison(name: name, comparison, value: value, number: number)
    }

    private mutating func comparisonOperator(after name: String) throws -> LabelPredicate.Comparison {
        if take("!") {
            guard current == "=" else { throw error("expected '!=', found '!' and \(found)") }
            position += 1
            return .unequal
        }
        if take("=") { return .equal }
        for (symbol, strict, loose) in [
            (Character("<"), LabelPredicate.Comparison.less, LabelPredicate.Comparison.lessOrEqual),
            (">", .greater, .greaterOrEqual),
        ] where take(symbol) {
            guard current == "=" else { return strict }
            position += 1
            return loose
        }
        throw error("expected =, !=, <, <=, > or >= after '\(name.prefix(32))', found \(found)")
    }

    private mutating func quoted() throws -> String {
        let start = position
        position += 1
        let text = word { $0 != "\"" }
        guard current == "\"" else {
            position = start
            throw error("the quoted value has no end")
        }
        position += 1
        return text
    }

    // MARK: - Characters

    private var current: Character? { position < characters.count ? characters[position] : nil }
    private var found: String { current.map { "'\($0)'" } ?? "the end" }

    private mutating func skipSpace() {
        while let character = current, character.isWhitespace { position += 1 }
    }

    /// Takes a symbol after spaces.
    private mutating func take(_ symbol: Character) -> Bool {
        skipSpace()
        guard current == symbol else { return false }
        position += 1
        return true
    }

    private mutating func word(_ belongs: (Character) -> Bool) -> String {
        var text = ""
        while let character = current, belongs(character) {
            text.append(character)
            position += 1
        }
        return text
    }

    private static func isLetter(_ character: Character) -> Bool {
        character.isASCII && character.isLetter
    }

    private static func isDigit(_ character: Character) -> Bool { character.isASCII && character.isNumber }

    private func error(_ message: String) -> SelectionError {
        SelectionError(.invalidPredicate, "where: column \(position + 1): \(message)", column: position + 1)
    }
}
