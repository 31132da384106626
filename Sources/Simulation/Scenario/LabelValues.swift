// SPDX-License-Identifier: Apache-2.0

/// The values of one label, dealt to the clients of a scenario in turn: client i has the value i modulo their number.
public struct LabelValues: Sendable, Hashable, Codable {
    /// The values, at least one.
    public let values: [String]

    /// Takes values; nil for none.
    public init?(_ values: [String]) {
        guard !values.isEmpty else { return nil }
        self.values = values
    }

    /// A client's value, counted from 0.
    public subscript(client: Int) -> String { values[client % values.count] }

    /// Reads one value for all or a list; numbers are taken as they are written.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let list = try? container.decode([Word].self)
        let words = try list ?? [container.decode(Word.self)]
        guard !words.isEmpty else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "a label needs at least one value")
        }
        values = words.map(\.text)
    }

    /// Writes a list.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(values)
    }

    private struct Word: Decodable {
        let text: String

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self.text = text
            } else if let number = try? container.decode(Int.self) {
                text = "\(number)"
            } else {
                text = "\(try container.decode(Double.self))"
            }
        }
    }
}
