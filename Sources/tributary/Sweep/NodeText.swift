// SPDX-License-Identifier: Apache-2.0

import Yams

/// YAML values as text that reads back as the same values.
enum NodeText {
    /// A value on one line, keys in their order.
    static func flow(_ node: Node) -> String { text(node, isSorted: false) }

    /// A value on one line, the same for any order of its keys.
    static func canonical(_ node: Node) -> String { text(node, isSorted: true) }

    /// A mapping with one key a line.
    static func file(_ node: Node) -> String {
        guard let mapping = node.mapping else { return flow(node) + "\n" }
        return mapping.map { "\(flow($0.key)): \(flow($0.value))\n" }.joined()
    }

    private static func text(_ node: Node, isSorted: Bool) -> String {
        switch node {
        case .scalar(let scalar):
            return self.scalar(scalar)
        case .sequence(let sequence):
            return "[" + sequence.map { text($0, isSorted: isSorted) }.joined(separator: ", ") + "]"
        case .mapping(let mapping):
            let pairs = mapping.map { (text($0.key, isSorted: isSorted), text($0.value, isSorted: isSorted)) }
            let ordered = isSorted ? pairs.sorted { $0.0 < $1.0 } : pairs
            return "{" + ordered.map { "\($0): \($1)" }.joined(separator: ", ") + "}"
        case .alias(let alias):
            return "*\(alias.anchor.rawValue)"
        }
    }

    /// Plain where it was plain and has nothing that YAML reads otherwise; quoted text is text, never a number.
    private static func scalar(_ scalar: Node.Scalar) -> String {
        let isPlain = scalar.style == .plain || scalar.style == .any
        let first = scalar.string.unicodeScalars.first
        let isSimple = scalar.string.unicodeScalars.allSatisfy { character in
            switch character {
            case "a"..."z", "A"..."Z", "0"..."9", "_", ".", "/", "+", "-": true
            default: false
            }
        }
        if isPlain, scalar.string.isEmpty { return "~" }
        if isPlain, (isSimple && first != "-") || Double(scalar.string) != nil || scalar.string == "<<" {
            return scalar.string
        }
        return "\"" + scalar.string.unicodeScalars.map(escaped).joined() + "\""
    }

    private static func escaped(_ character: Unicode.Scalar) -> String {
        switch character {
        case "\"": return "\\\""
        case "\\": return "\\\\"
        case "\n": return "\\n"
        case "\t": return "\\t"
        case _ where character.value < 0x20 || (0x7F...0x9F).contains(character.value):
            let digits = String(character.value, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: return String(character)
        }
    }
}
