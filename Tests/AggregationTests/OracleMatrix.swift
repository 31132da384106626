// SPDX-License-Identifier: Apache-2.0

import Aggregation
import ModelState
import UpdateCoding

/// Makes the test matrices of Oracles/matrices.py, bit for bit.
enum OracleMatrix {
    private static func mix(_ word: UInt64) -> UInt64 {
        var z = word &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    static func unit(_ seed: UInt64, row: UInt64, count: Int) -> [Double] {
        (0..<UInt64(count)).map { index in
            Double(mix(mix(index &+ (row << 32)) ^ seed) >> 40) / 0x1p24 - 0.5
        }
    }

    static func matrix(_ seed: UInt64, n: Int, d: Int, family: String, f: Int) -> [[Double]] {
        let common = unit(seed, row: 1 << 20, count: d)
        return (0..<n).map { row in
            let x = unit(seed, row: UInt64(row), count: d)
            let isFaulty = row >= n - f
            let values: [Double] =
                switch family {
                case "shifted": zip(x, common).map { $0 + 4 * $1 }
                case "byzantine": zip(x, common).map { $0 * (isFaulty ? 64 : 1) + $1 }
                case "opposed": zip(x, common).map { isFaulty ? ($0 / 16 + $1) - 5 * $1 : $0 / 16 + $1 }
                default: x
                }
            return values.map { Double(Float($0)) }
        }
    }

    static func weights(_ seed: UInt64, n: Int) -> [Double] {
        (0..<UInt64(n)).map { Double(mix(mix($0) ^ (seed + 77)) % 1000 + 1) }
    }

    static func digest(_ values: [Double], seed: UInt64) -> [Double] {
        let d = values.count
        guard d > 16 else { return values }
        let samples = (0..<8).map { values[$0 * d / 8] }
        let projections = (0..<3).map { k in
            zip(unit(seed, row: (1 << 21) + UInt64(k), count: d), values)
                .reduce(0.0) { $0 + ($1.0 < 0 ? -$1.1 : $1.1) } / Double(d).squareRoot()
        }
        return samples + projections
    }
}

/// Makes sets of updates for tests.
enum Make {
    static func layout(_ sizes: [Int]) throws -> TensorLayout {
        try TensorLayout(sizes.enumerated().map { .init(name: "t\($0.offset)", shape: TensorShape([$0.element])) })
    }

    static func set(
        _ rows: [[Double]],
        layout: TensorLayout? = nil,
        weights: [Double]? = nil,
        metadata: [UpdateMetadata]? = nil
    ) throws -> MemoryUpdateSet {
        let layout = try layout ?? self.layout([rows[0].count])
        return try MemoryUpdateSet(
            layout: layout,
            updates: rows.map { ParameterVector($0.map { Float($0) }) },
            weights: weights,
            metadata: metadata
        )
    }
}

/// Collects what a rule hands to its sink, checking that blocks come in order without gaps.
func collect(_ body: (AggregateSink) throws -> Void) throws -> [Double] {
    var result: [Double] = []
    try body { start, values in
        guard start == result.count else { throw OrderError() }
        result.append(contentsOf: values)
    }
    return result
}

struct OrderError: Error {}

extension AggregationRule {
    func aggregate(_ updates: any UpdateSet) throws -> [Double] {
        try collect { try aggregate(updates, sink: $0) }
    }
}

/// The same updates without random access: each is decoded forward only.
struct ForwardUpdateSet: UpdateSet {
    let base: any UpdateSet
    var layout: TensorLayout { base.layout }
    var count: Int { base.count }

    func weight(at index: Int) -> Double { base.weight(at: index) }
    func metadata(at index: Int) -> UpdateMetadata { base.metadata(at: index) }
    func makeDecoder(at index: Int) throws -> any UpdateDecoder { try base.makeDecoder(at: index) }
}

/// The largest difference, relative to the largest expected value.
func relativeError(_ actual: [Double], _ expected: [Double]) -> Double {
    guard actual.count == expected.count else { return .infinity }
    let scale = expected.reduce(1e-30) { max($0, abs($1)) }
    return zip(actual, expected).reduce(0) { max($0, abs($1.0 - $1.1) / scale, $1.0.isNaN ? .infinity : 0) }
}
