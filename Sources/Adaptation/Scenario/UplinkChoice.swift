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
    }
    private var rule: Rule

    init(
        _ method: AdaptationScenario.Method,
        upload: AdaptationScenario.Upload,
        sampleCount: Int,
        sampleBytes: Int,
        seed: Seed
    ) throws {
        let budget = Int(upload.rate * Double(sampleCount))
        switch method {
        case .uniform:
            var generator = SeededGenerator(seed: seed.deriving("uniform"))
            rule = .uniform(Set(generator.sample(budget, of: sampleCount)))
        case .uncertainty:
            var configuration = SampleGate.Configuration(
                rate: upload.rate,
                reserve: upload.reserve,
                memory: StreamingQuantile.Configuration(window: upload.window)
            )
            // One window of time for the whole stream, whose clock is the sample's number.
            configuration.allowance = SampleGate.ByteAllowance(bytes: budget * sampleBytes, windowSeconds: 1e9)
            rule = .gate(try SampleGate(configuration, seed: seed.deriving("gate")))
        case .all: rule = .everything
        default: rule = .nothing
        }
    }

    /// Whether a sample is sent.
    mutating func sends(_ number: Int, score: Double, bytes: Int) -> Bool {
        switch rule {
        case .nothing: return false
        case .everything: return true
        case .uniform(let chosen): return chosen.contains(number)
        case .gate(var gate):
            let isSelected = gate.offer(score: score, bytes: bytes, at: Double(number)).isSelected
            rule = .gate(gate)
            return isSelected
        }
    }
}
