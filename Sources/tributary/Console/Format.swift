// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Numbers as people read them, and results as programs read them.
enum Format {
    /// A number with a fixed count of decimals.
    static func decimals(_ value: Double, _ count: Int) -> String {
        guard value.isFinite else { return "\(value)" }
        var factor = 1.0
        for _ in 0..<count { factor *= 10 }
        let scaled = (abs(value) * factor).rounded()
        guard scaled < 9e15 else { return "\(value)" }
        let whole = Int64(scaled)
        let unit = Int64(factor)
        let sign = value < 0 && whole > 0 ? "-" : ""
        guard count > 0 else { return "\(sign)\(whole)" }
        let fraction = String(whole % unit)
        return "\(sign)\(whole / unit)." + String(repeating: "0", count: count - fraction.count) + fraction
    }

    /// Four significant digits.
    static func significant(_ value: Double) -> String {
        guard value != 0, value.isFinite else { return value == 0 ? "0" : "\(value)" }
        var (scaled, exponent) = (abs(value), 0)
        while scaled < 1 { (scaled, exponent) = (scaled * 10, exponent - 1) }
        while scaled >= 10 { (scaled, exponent) = (scaled / 10, exponent + 1) }
        if exponent < -5 || exponent > 7 { return (value < 0 ? "-" : "") + decimals(scaled, 3) + "e\(exponent)" }
        return decimals(value, max(0, 3 - exponent))
    }

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
    static func bytes(_ count: UInt64) -> String {
        var value = Double(count)
        for unit in ["B", "kB", "MB", "GB"] {
            if value < 1_000 { return unit == "B" ? "\(count) B" : "\(decimals(value, 1)) \(unit)" }
            value /= 1_000
        }
        return "\(decimals(value, 1)) TB"
    }

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
