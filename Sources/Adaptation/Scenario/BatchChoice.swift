// SPDX-License-Identifier: Apache-2.0

internal import Randomness
internal import Selection

/// Chooses from each batch as a whole: what it may send grows with the samples that pass, and what was not sent is
/// kept for later batches.
///
/// A uniform reserve goes first; the rest goes by knapsack, k-center cover or weighted reservoir. While a drift
/// detector keeps the uplink closed only the reserve is sent.
struct BatchChoice {
    private let choice: AdaptationScenario.Upload.Choice
    private let rate: Double
    private let reserve: Double
    private let budget: UplinkBudget
    private let seed: Seed
    private var generator: SeededGenerator
    private var drift: DriftDetector?
    private var credit = 0.0
    private var window = 0
    private var windowBytes = 0

    init(_ upload: AdaptationScenario.Upload, _ budget: UplinkBudget, seed: Seed) throws {
        choice = upload.choice
        rate = upload.rate
        reserve = upload.reserve
        self.budget = budget
        self.seed = seed
        generator = SeededGenerator(seed: seed.deriving("reserve"))
        drift = try upload.drift.map { try DriftDetector($0) }
    }

    /// The rows of a batch that are sent, ascending; rows whose score is not finite only through the reserve.
    mutating func rows(first: Int, scores: [Double], features: [Float], bytes: Int) throws -> [Int] {
        let size = max(bytes, 1)
        if first / budget.samples != window { (window, windowBytes) = (first / budget.samples, 0) }
        credit += rate * Double(scores.count * size)
        for score in scores { drift?.add(score) }
        var room = min(Int(credit), budget.bytes - windowBytes) / size
        var sent = Set(scores.indices.filter { _ in generator.uniform() < rate * reserve }.prefix(max(room, 0)))
        room -= sent.count
        if room > 0, drift?.isOpen ?? true {
            var open = scores
            for row in sent { open[row] = -Double.infinity }
            sent.formUnion(try pick(room, open, features, size, first))
        }
        credit -= Double(sent.count * size)
        windowBytes += sent.count * size
        return sent.sorted()
    }

    private func pick(
        _ count: Int,
        _ scores: [Double],
        _ features: [Float],
        _ size: Int,
        _ first: Int
    ) throws -> [Int] {
        let floor = scores.filter(\.isFinite).min() ?? 0
        switch choice {
        case .kCenter:
            return try features.withUnsafeBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return [] }
                let width = buffer.count / max(scores.count, 1)
                let rows = FeatureRows(base: base, rowCount: scores.count, featureCount: width)
                return try KCenterGreedy().select(count, scores: scores, features: rows)
            }
        case .reservoir:
            var reservoir = WeightedReservoir<Int>(capacity: count, seed: seed.deriving("weights", UInt64(first)))
            for row in scores.indices { reservoir.offer(row, weight: scores[row] - floor) }
            return reservoir.elements
        case .knapsack, .gate:
            return try ByteKnapsack(budget: count * size, baseline: floor - 1)
                .select(scores: scores, bytes: [Int](repeating: size, count: scores.count))
        }
    }
}
