// SPDX-License-Identifier: Apache-2.0

/// Writes numbers of specifications the one way that the parser gives back: `2`, `0.01`, never `2.0` or an exponent.
enum NumberText {
    /// The shortest decimal form that reads back as the same double.
    static func text(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e15 { return String(Int(value)) }
        let text = "\(value)"
        guard let mark = text.firstIndex(of: "e"), let exponent = Int(text[text.index(after: mark)...]), exponent < 0
        else {
            return text
        }
        // 1e-05 is what Swift prints for 0.00001: move the point by hand.
        let mantissa = text[..<mark].filter { $0 != "." && $0 != "-" }
        let digits =
            mantissa.hasSuffix("0") && text[..<mark].contains(".") ? String(mantissa.dropLast()) : String(mantissa)
        return (value < 0 ? "-" : "") + "0." + String(repeating: "0", count: -exponent - 1) + digits
    }

    /// Reads a plain decimal number: digits with at most one point; nil for signs, exponents, names and blanks.
    static func number(_ text: some StringProtocol) -> Double? {
        guard !text.isEmpty, text.utf8.count <= 24, text.utf8.allSatisfy({ (48...57).contains($0) || $0 == 46 }),
            text.first != ".", text.last != "."
        else { return nil }
        return Double(String(text))
    }
}
