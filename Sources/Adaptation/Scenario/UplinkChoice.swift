// SPDX-License-Identifier: Apache-2.0

internal import Randomness
internal import Selection

/// Which samples of a stream a device sends, by method; methods with a budget never send more than it.
struct UplinkChoice {
    private enum Rule {
        case nothing
        case everything
        case uniform(Set<Int>)
        case gate(SampleGate)
        case batch(BatchChoice)
    }
    private var rule: Rule
    private let usesFeatures: Bool

    /// - Parameter sampleBytes: what a sample takes on its way.
    init(
        _ method: AdaptationScenario.Method,
        upload: AdaptationScenario.Upload,
        sampleCount: Int,
        sampleBytes: Int,
        seed: Seed
    ) throws {
        let budget = UplinkBudget(upload, sampleCount: sampleCount, sampleBytes: sampleBytes)
        usesFeatures = upload.novelty != nil
        switch (method, upload.choice) {
        case (.uniform, _):
            rule = .uniform(budget.uniform(SeededGenerator(seed: seed.deriving("uniform")), rate: upload.rate))
        case (.uncertainty, .gate):
            rule = .gate(try Self.gate(upload, (budget.bytes, budget.samples), seed))
        case (.uncertainty, _): rule = .batch(try BatchChoice(upload, budget, seed: seed.deriving("batch-choice")))
        case (.all, _): rule = .everything
        default: rule = .nothing
        }
    }

    /// The choice by uncertainty of a stream without an end: only a budget that the upload names bounds it beside the
    /// rate.
    init(live upload: AdaptationScenario.Upload, seed: Seed) throws {
        usesFeatures = upload.novelty != nil
        guard upload.choice == .gate else {
            let budget = UplinkBudget(upload, sampleCount: Int.max, sampleBytes: 1)
            rule = .batch(try BatchChoice(upload, budget, seed: seed.deriving("batch-choice")))
            return
        }
        rule = .gate(try Self.gate(upload, upload.budget.map { ($0.bytes, $0.samples) }, seed))
    }

    private static func gate(
        _ upload: AdaptationScenario.Upload,
        _ budget: (bytes: Int, samples: Int)?,
        _ seed: Seed
    ) throws -> SampleGate {
        var configuration = SampleGate.Configuration(
            rate: upload.rate,
            reserve: upload.reserve,
            memory: StreamingQuantile.Configuration(window: upload.window),
            drift: upload.drift,
            novelty: upload.novelty
        )
        // The stream's clock is the sample's number.
        configuration.allowance = budget.map {
            SampleGate.ByteAllowance(bytes: $0.bytes, windowSeconds: Double($0.samples))
        }
        return try SampleGate(configuration, seed: seed.deriving("gate"))
    }

    /// The rows of a batch that are sent, ascending.
    ///
    /// - Parameters:
    ///   - first: the number of the batch's first sample in the stream.
    ///   - features: one row for each score.
    mutating func rows(first: Int, scores: [Double], features: [Float], bytes: Int) throws -> [Int] {
        switch rule {
        case .nothing: return []
        case .everything: return Array(scores.indices)
        case .uniform(let chosen): return scores.indices.filter { chosen.contains(first + $0) }
        case .gate(var gate):
            rule = .nothing  // So that the gate is not copied.
            let width = features.count / max(scores.count, 1)
            let sent = scores.indices.filter { row in
                let given = usesFeatures ? Array(features[(row * width)..<((row + 1) * width)]) : nil
                return gate.offer(score: scores[row], bytes: bytes, features: given, at: Double(first + row)).isSelected
            }
            rule = .gate(gate)
            return sent
        case .batch(var choice):
            let sent = try choice.rows(first: first, scores: scores, features: features, bytes: bytes)
            rule = .batch(choice)
            return sent
        }
    }

    /// How often the gate decided so, by its reasons' names; empty for other rules.
    var decisions: [String: Int] {
        guard case .gate(let gate) = rule else { return [:] }
        let counts = SampleGate.Reason.allCases.map { ($0.rawValue, gate.count(of: $0)) }
        return Dictionary(uniqueKeysWithValues: counts.filter { $0.1 > 0 })
    }
}

/// The bytes that a device may send in every so many samples.
struct UplinkBudget {
    let bytes: Int
    let samples: Int
    private let sampleCount: Int
    private let sampleBytes: Int

    /// The scenario's own budget, or its rate over the whole stream.
    init(_ upload: AdaptationScenario.Upload, sampleCount: Int, sampleBytes: Int) {
        self.sampleCount = sampleCount
        self.sampleBytes = max(sampleBytes, 1)
        if let budget = upload.budget {
            (bytes, samples) = (budget.bytes, budget.samples)
        } else {
            (bytes, samples) = (Int(upload.rate * Double(sampleCount)) * sampleBytes, max(sampleCount, 1))
        }
    }

    /// The samples that a uniform choice at a rate sends within the budget.
    func uniform(_ generator: SeededGenerator, rate: Double) -> Set<Int> {
        var generator = generator
        var chosen: Set<Int> = []
        for start in stride(from: 0, to: sampleCount, by: samples) {
            let length = min(samples, sampleCount - start)
            let count = min(Int(rate * Double(length)), bytes / sampleBytes)
            chosen.formUnion(generator.sample(count, of: length).map { start + $0 })
        }
        return chosen
    }
}
