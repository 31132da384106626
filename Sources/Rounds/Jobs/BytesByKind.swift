// SPDX-License-Identifier: Apache-2.0

public import ModelState

/// Coded bytes by the kind of tensor that they stand for.
///
/// Decoders read ahead, so bytes near a border between two kinds may count for the kind before it; the sum is exact.
public struct BytesByKind: Sendable, Hashable, Codable {
    /// The bytes of each kind, in the order of ``TensorKind/allCases``; empty where nothing was counted.
    public private(set) var counts: [UInt64]

    /// Creates counts of nothing.
    public init() { counts = [] }

    /// Takes counts in the order of ``TensorKind/allCases``; nil where there are not as many.
    public init?(counts: [UInt64]) {
        guard counts.isEmpty || counts.count == TensorKind.allCases.count else { return nil }
        self.counts = counts
    }

    /// The bytes of one kind.
    public subscript(kind: TensorKind) -> UInt64 {
        get { counts.isEmpty ? 0 : counts[kind.rawValue] }
        set {
            if counts.isEmpty { counts = Array(repeating: 0, count: TensorKind.allCases.count) }
            counts[kind.rawValue] = newValue
        }
    }

    /// Adds other counts.
    public mutating func add(_ other: BytesByKind) {
        for kind in TensorKind.allCases where other[kind] > 0 { self[kind] &+= other[kind] }
    }

    /// The kinds with bytes, by name.
    public var named: [String: UInt64] {
        var result: [String: UInt64] = [:]
        for kind in TensorKind.allCases where self[kind] > 0 { result[kind.description] = self[kind] }
        return result
    }
}
