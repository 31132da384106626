// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Reporting

/// Numbers as people read them, and results as programs read them.
enum Format {
    /// A number with a fixed count of decimals.
    static func decimals(_ value: Double, _ count: Int) -> String { NumberText.decimals(value, count) }

    /// Four significant digits.
    static func significant(_ value: Double) -> String { NumberText.significant(value) }

    /// Text in a column of a table.
    static func column(_ text: String, _ width: Int, left: Bool = false) -> String {
        let padding = String(repeating: " ", count: max(width - text.count, 1))
        return left ? text + padding : padding + text
    }

    /// `0.8s`, `12s`, `3m 20s`.
    static func seconds(_ duration: Duration) -> String {
        let seconds = self.number(duration)
        if seconds < 10 { return decimals(seconds, 1) + "s" }
        if seconds < 120 { return decimals(seconds, 0) + "s" }
        return "\(Int(seconds) / 60)m \(Int(seconds) % 60)s"
    }

    /// `12.4 MB`.
    static func bytes(_ count: UInt64) -> String { NumberText.bytes(count) }

    /// A duration in seconds.
    static func number(_ duration: Duration) -> Double {
        let (seconds, attoseconds) = duration.components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }

    /// A value as one line of JSON with sorted keys.
    static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
