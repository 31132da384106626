// SPDX-License-Identifier: Apache-2.0

/// A length of time as people write it in a file: `250ms`, `30s`, `10m`, `2h`, `1d`, or a number of seconds.
public struct DurationText: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The length of time.
    public let duration: Duration

    /// Wraps a length of time.
    public init(_ duration: Duration) {
        self.duration = duration
    }

    /// Reads `250ms`, `30s`, `10m`, `2h`, `1d` or a plain number of seconds; nil for anything else, and for negative
    /// times.
    public init?(parsing text: String) {
        let digits = text.prefix { $0.isNumber || $0 == "." }
        guard let number = Double(digits) else { return nil }
        let seconds: Double
        switch text.dropFirst(digits.count) {
        case "ms": seconds = number / 1_000
        case "", "s": seconds = number
        case "m", "min": seconds = number * 60
        case "h": seconds = number * 3_600
        case "d": seconds = number * 86_400
        default: return nil
        }
        self.init(seconds: seconds)
    }

    private init?(seconds: Double) {
        // 30,000 years: far below what microseconds in 64 bits hold.
        guard seconds.isFinite, seconds >= 0, seconds < 1e12 else { return nil }
        duration = .microseconds(Int64((seconds * 1e6).rounded()))
    }

    /// Reads text or a number of seconds.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let number = try? container.decode(Double.self)
        let text = try number.map { String($0) } ?? container.decode(String.self)
        guard let parsed = number.map({ DurationText(seconds: $0) }) ?? DurationText(parsing: text) else {
            // Whoever reads the file puts the key before this text.
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "'\(text)' is no length of time; write 250ms, 30s, 10m, 2h or 1d"
            )
        }
        self = parsed
    }

    /// Writes the text that reads back as the same length of time.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// The shortest exact text: `250ms`, `30s`.
    public var description: String {
        let (seconds, attoseconds) = duration.components
        guard attoseconds == 0 else {
            let microseconds = attoseconds / 1_000_000_000_000
            let milliseconds = Double(seconds) * 1_000 + Double(microseconds) / 1_000
            let text = String(milliseconds)
            return (text.hasSuffix(".0") ? String(text.dropLast(2)) : text) + "ms"
        }
        return "\(seconds)s"
    }
}
