// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Selection

@Suite struct EscalationRuleTests {
    @Test(arguments: [0.0, 0.1, 0.2, 0.5, 1], [-5, 0.02, 0.5, 0.97, 5])
    func theWindowHoldsItsFraction(_ fraction: Double, _ threshold: Double) throws {
        var samples = Samples(60)
        let scores = samples.scores(1_000)
        let window = try EscalationRule.window(around: threshold, fraction: fraction, scores: scores)
        #expect(scores.count { window.escalates($0) } == Int(fraction * 1_000))
        let single = try EscalationRule.singleThreshold(fraction: fraction, scores: scores)
        #expect(scores.count { single.escalates($0) } == Int(fraction * 1_000))
    }

    @Test func theWindowLiesAroundTheThreshold() throws {
        let scores = (1...100).map(Double.init)
        let window = try EscalationRule.window(around: 60, fraction: 0.2, scores: scores)
        #expect(window.lower == 51 && window.upper == 70)
        let single = try EscalationRule.singleThreshold(fraction: 0.2, scores: scores)
        #expect(single.lower == 81)
        #expect(single.escalates(1e300))
    }

    @Test func aSampleWithoutScoreIsEscalated() throws {
        let rule = try EscalationRule(lower: 0, upper: 1)
        #expect(rule.escalates(.nan) && rule.escalates(.infinity) && rule.escalates(-.infinity))
        #expect(!EscalationRule.never.escalates(1))
    }

    @Test func senselessRulesAreRefused() {
        #expect(throws: SelectionError.self) { try EscalationRule(lower: 2, upper: 1) }
        #expect(throws: SelectionError.self) { try EscalationRule(lower: .nan, upper: 1) }
        #expect(throws: SelectionError.self) { try EscalationRule.window(around: 1, fraction: 0.1, scores: [.nan]) }
        #expect(throws: SelectionError.self) { try EscalationRule.window(around: .nan, fraction: 0.1, scores: [1]) }
        #expect(throws: SelectionError.self) { try EscalationRule.singleThreshold(fraction: 1.5, scores: [1]) }
    }

    /// Device and cloud see the same doubt, the cloud with less noise.
    ///
    /// What the two rules escalate is equally much; only
    /// around the boundary can a better score change what becomes of an answer.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func theWindowHandlesMoreThanOneThreshold(_ seed: UInt64) throws {
        var samples = Samples(seed)
        let doubt = samples.scores(4_000)
        let isRight = doubt.map { _ in samples.generator.uniform() }.enumerated().map { $1 > doubt[$0] }
        func scores(_ noise: Double) -> [Double] { doubt.map { $0 + noise * samples.generator.normal() } }
        let device = CascadeOutcome.Answers(scores: scores(0.25), isCorrect: isRight, threshold: 0.5)
        let cloud = CascadeOutcome.Answers(scores: scores(0.02), isCorrect: isRight, threshold: 0.5)
        let window = try CascadeOutcome(
            device: device,
            cloud: cloud,
            rule: .window(around: 0.5, fraction: 0.2, scores: device.scores)
        )
        let single = try CascadeOutcome(
            device: device,
            cloud: cloud,
            rule: .singleThreshold(fraction: 0.2, scores: device.scores)
        )
        #expect(window.escalatedFraction == 0.2 && single.escalatedFraction == 0.2)
        #expect(window.handledFraction > single.handledFraction + 0.01)
    }

    @Test func outcomesAreCountedByHand() throws {
        let device = CascadeOutcome.Answers(
            scores: [0.1, 0.2, 0.5, 0.9],
            isCorrect: [true, false, false, true],
            threshold: 0.4
        )
        let cloud = CascadeOutcome.Answers(
            scores: [0, 0, 0.1, .nan],
            isCorrect: [true, true, true, true],
            threshold: 0.2
        )
        let outcome = try CascadeOutcome(device: device, cloud: cloud, rule: EscalationRule(lower: 0.45, upper: 1))
        #expect(outcome.escalatedFraction == 0.5)
        #expect(outcome.accuracy == 0.75)
        #expect(outcome.coverage == 0.75)
        #expect(abs(outcome.selectiveRisk - 1.0 / 3) < 1e-15)
        #expect(outcome.handledFraction == 0.5)
        #expect(throws: SelectionError.self) {
            try CascadeOutcome(
                device: device,
                cloud: .init(scores: [], isCorrect: [], threshold: 0),
                rule: .never
            )
        }
    }

    @Test func theWindowThatGainsMostIsFoundAndIsNeverWorseThanOneThreshold() throws {
        var generator = SeededGenerator(seed: Seed(8))
        for _ in 0..<50 {
            let scores = (0..<60).map { _ in generator.uniform() }
            let gains = scores.map { _ in Double(generator.below(3) - 1) }
            for fraction in [0.05, 0.25, 0.6, 1] {
                let window = try EscalationRule.window(fraction: fraction, scores: scores, gains: gains)
                let single = try EscalationRule.singleThreshold(fraction: fraction, scores: scores)
                func gain(_ rule: EscalationRule) -> Double {
                    zip(scores, gains).filter { rule.escalates($0.0) }.reduce(0) { $0 + $1.1 }
                }
                // Every window of this width, one by one.
                let sorted = scores.sorted()
                let width = Int((fraction * 60).rounded())
                let all = try (0...(60 - width)).map { start in
                    gain(try EscalationRule(lower: sorted[start], upper: sorted[start + width - 1]))
                }
                #expect(gain(window) == all.max())
                #expect(gain(window) >= gain(single))
            }
        }
        #expect(throws: SelectionError.self) {
            try EscalationRule.window(fraction: 0.5, scores: [1, 2], gains: [1])
        }
    }
}
