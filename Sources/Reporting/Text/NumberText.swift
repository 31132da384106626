// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Numbers as text: for people with few digits, for programs without loss.
public enum NumberText {
    /// A number with a fixed count of decimals; halves are rounded away from zero.
    public static func decimals(_ value: Double, _ count: Int) -> String {
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
    public static func significant(_ value: Double) -> String {
        guard value != 0, value.isFinite else { return value == 0 ? "0" : "\(value)" }
        var (scaled, exponent) = (abs(value), 0)
        while scaled < 1 { (scaled, exponent) = (scaled * 10, exponent - 1) }
        while scaled >= 10 { (scaled, exponent) = (scaled / 10, exponent + 1) }
        if exponent < -5 || exponent > 7 { return (value < 0 ? "-" : "") + decimals(scaled, 3) + "e\(exponent)" }
        return decimals(value, max(0, 3 - exponent))
    }

    /// The label of a tick: as many decimals as ticks of this step need, no more.
    static func tick(_ value: Double, step: Double) -> String {
        let size = abs(value)
        if size != 0, size >= 1e6 || size < 1e-4 {
            let exponent = floor(log10(size) + 1e-9)
            let mantissa = value / pow(10, exponent)
            return shortest((mantissa * 1e3).rounded() / 1e3) + "e\(Int(exponent))"
        }
        return decimals(value, max(0, Int(-floor(log10(step) + 1e-9))))
    }

    /// The shortest text that reads back as the same number; whole numbers without a fraction.
    static func shortest(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }

    /// `12.4 MB`: powers of a thousand.
    public static func bytes(_ count: UInt64) -> String {
        var value = Double(count)
        for unit in ["B", "kB", "MB", "GB"] {
            if value < 1_000 { return unit == "B" ? "\(count) B" : "\(decimals(value, 1)) \(unit)" }
            value /= 1_000
        }
        return "\(decimals(value, 1)) TB"
    }
}
