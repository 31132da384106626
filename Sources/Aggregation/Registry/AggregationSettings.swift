// SPDX-License-Identifier: Apache-2.0

/// Reads the numbers that configure one rule out of the settings that users give.
///
/// `key` applies to every part of a strategy that knows it (`f` to `nnm` and to `krum` before which it stands);
/// `part.key`, as in `nnm.f`, to one part alone, and first.
struct AggregationSettings {
    private let values: [String: Double]
    private let part: String
    private let known: [String]

    init(_ values: [String: Double], part: String, known: [String]) {
        self.values = values
        self.part = part
        self.known = known
    }

    /// The number given for the key.
    func optional(_ key: String) throws -> Double? {
        precondition(known.contains(key), "the setting '\(key)' of '\(part)' is missing from the list of known ones")
        guard let value = values["\(part).\(key)"] ?? values[key] else { return nil }
        guard !value.isNaN else {
            throw AggregationError(.invalidParameter, "\(part): the setting '\(key)' is not a number")
        }
        return value
    }

    func number(_ key: String, default fallback: Double) throws -> Double {
        try optional(key) ?? fallback
    }

    func required(_ key: String) throws -> Double {
        guard let value = try optional(key) else {
            throw AggregationError(.invalidParameter, "\(part) needs the setting '\(key)'")
        }
        return value
    }

    /// A whole number.
    func optionalCount(_ key: String) throws -> Int? {
        try optional(key).map { value in
            guard let count = Int(exactly: value), abs(count) <= 1 << 30 else {
                throw AggregationError(.invalidParameter, "\(part): '\(key)' is a whole number, not \(value)")
            }
            return count
        }
    }

    func count(_ key: String, default fallback: Int) throws -> Int {
        try optionalCount(key) ?? fallback
    }

    /// 0 or 1.
    func flag(_ key: String, default fallback: Bool = false) throws -> Bool {
        guard let value = try optional(key) else { return fallback }
        guard value == 0 || value == 1 else {
            throw AggregationError(.invalidParameter, "\(part): '\(key)' is 0 or 1, not \(value)")
        }
        return value == 1
    }
}
