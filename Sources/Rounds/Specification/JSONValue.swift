// SPDX-License-Identifier: Apache-2.0

/// A part of a job file that another module reads.
public enum JSONValue: Hashable, Sendable, Codable {
    /// Nothing.
    case null
    /// True or false.
    case boolean(Bool)
    /// A number.
    case number(Double)
    /// A text.
    case text(String)
    /// A list.
    case list([JSONValue])
    /// A mapping.
    case mapping([String: JSONValue])

    /// Reads any value.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .list(value)
        } else {
            self = .mapping(try container.decode([String: JSONValue].self))
        }
    }

    /// Writes the value; whole numbers without a fraction.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .boolean(let value): try container.encode(value)
        case .number(let value):
            if let whole = Int64(exactly: value) { try container.encode(whole) } else { try container.encode(value) }
        case .text(let value): try container.encode(value)
        case .list(let values): try container.encode(values)
        case .mapping(let values): try container.encode(values)
        }
    }

    /// The mapping's value of a key; nil for what is no mapping.
    public subscript(key: String) -> JSONValue? {
        if case .mapping(let values) = self { values[key] } else { nil }
    }

    /// The mapping without some keys; other values as they are.
    public func without(_ keys: [String]) -> JSONValue {
        guard case .mapping(let values) = self else { return self }
        return .mapping(values.filter { !keys.contains($0.key) })
    }
}
