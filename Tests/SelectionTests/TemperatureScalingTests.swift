// SPDX-License-Identifier: Apache-2.0

import Foundation
import Randomness
import Testing

@testable import Selection

@Suite struct TemperatureScalingTests {
    /// Logits with labels drawn from `softmax(z / temperature)`.
    static func drawn(_ count: Int, classes: Int, temperature: Double, seed: UInt64) -> ([Float], [Int32]) {
        var samples = Samples(seed)
        let logits = samples.logits(count * classes, scale: 3)
        let labels: [Int32] = (0..<count).map { row in
            let p = ScoreOracle.softmax(
                Array(logits[(row * classes)..<((row + 1) * classes)]),
                temperature: temperature
            )
            var draw = samples.generator.uniform()
            for (index, probability) in p.enumerated() {
                draw -= probability
                if draw < 0 { return Int32(index) }
            }
            return Int32(classes - 1)
        }
        return (logits, labels)
    }

    static func loss(_ logits: [Float], _ labels: [Int32], classes: Int, _ temperature: Double) -> Double {
        labels.indices.reduce(0) { sum, row in
            let values = Array(logits[(row * classes)..<((row + 1) * classes)])
            return sum - log(ScoreOracle.softmax(values, temperature: temperature)[Int(labels[row])])
        } / Double(labels.count)
    }

    @Test(arguments: [0.5, 1, 2.5])
    func theTemperatureOfTheLabelsIsFound(_ temperature: Double) throws {
        let (logits, labels) = Self.drawn(3_000, classes: 4, temperature: temperature, seed: 5)
        let fit = try TemperatureScaling().fit(logits: logits, classCount: 4, labels: labels)
        #expect(fit.outcome == .converged)
        #expect(abs(fit.temperature / temperature - 1) < 0.1)
    }

    @Test func noTemperatureOfAGridIsBetter() throws {
        let (logits, labels) = Self.drawn(200, classes: 3, temperature: 3, seed: 8)
        let fit = try TemperatureScaling().fit(logits: logits, classCount: 3, labels: labels)
        #expect(abs(fit.lossBefore - Self.loss(logits, labels, classes: 3, 1)) < 1e-12)
        #expect(abs(fit.lossAfter - Self.loss(logits, labels, classes: 3, fit.temperature)) < 1e-12)
        #expect(fit.lossAfter <= fit.lossBefore)
        for step in -40...40 {
            let temperature = fit.temperature * exp(Double(step) * 0.02)
            #expect(Self.loss(logits, labels, classes: 3, temperature) >= fit.lossAfter - 1e-13)
        }
    }

    @Test func twoClassesHaveAClosedForm() throws {
        // Gap 2 always, right 3 times in 4: p = 3/4 at 2 / T = log 3.
        let logits = [Float]((0..<40).flatMap { _ in [2, 0] as [Float] })
        let labels = (0..<40).map { Int32($0 % 4 == 0 ? 1 : 0) }
        let fit = try TemperatureScaling().fit(logits: logits, classCount: 2, labels: labels)
        #expect(abs(fit.temperature - 2 / log(3)) < 1e-9)
    }

    @Test func alwaysRightGoesToTheSureEnd() throws {
        let fit = try TemperatureScaling().fit(
            logits: [Float]((0..<20).flatMap { _ in [1, 0] as [Float] }),
            classCount: 2,
            labels: [Int32](repeating: 0, count: 20)
        )
        #expect(fit.outcome == .atBound)
        #expect(fit.temperature == 0.05)
    }

    @Test func alwaysWrongGoesToTheUnsureEnd() throws {
        let fit = try TemperatureScaling().fit(
            logits: [Float]((0..<20).flatMap { _ in [1, 0] as [Float] }),
            classCount: 2,
            labels: [Int32](repeating: 1, count: 20)
        )
        #expect(fit.outcome == .atBound)
        #expect(fit.temperature == 20)
    }

    @Test func flatLogitsKeepTemperatureOne() throws {
        let fit = try TemperatureScaling().fit(
            logits: [Float](repeating: 7, count: 60),
            classCount: 3,
            labels: [Int32](repeating: 1, count: 20)
        )
        #expect(fit.outcome == .flat)
        #expect(fit.temperature == 1)
        #expect(abs(fit.lossAfter - log(3)) < 1e-12)
    }

    @Test func tooFewSamplesKeepTemperatureOne() throws {
        let none = try TemperatureScaling().fit(logits: [], classCount: 3, labels: [])
        #expect(none.outcome == .tooFewSamples)
        #expect(none.temperature == 1)
        #expect(none.lossAfter == 0)
        let few = try TemperatureScaling().fit(logits: [9, 0, 9, 0], classCount: 2, labels: [0, 1])
        #expect(few.outcome == .tooFewSamples)
        #expect(few.temperature == 1)
    }

    @Test func badSamplesAreLeftOut() throws {
        let (logits, labels) = Self.drawn(100, classes: 3, temperature: 2, seed: 1)
        let clean = try TemperatureScaling().fit(logits: logits, classCount: 3, labels: labels)
        let dirty = try TemperatureScaling().fit(
            logits: [.nan, 0, 0] + logits + [0, .infinity, 1, 1, 2, 3],
            classCount: 3,
            labels: [0] + labels + [0, 3]
        )
        #expect(dirty.temperature == clean.temperature)
        #expect(dirty.refusedCount == 3)
        #expect(dirty.sampleCount == 100)
    }

    @Test func hugeLogitsEndSomewhere() throws {
        let huge = Float.greatestFiniteMagnitude
        let logits = (0..<32).flatMap { [huge, $0 % 3 == 0 ? -huge : huge / 2] }
        let labels = (0..<32).map { Int32($0 % 2) }
        let fit = try TemperatureScaling().fit(logits: logits, classCount: 2, labels: labels)
        #expect((0.05...20).contains(fit.temperature))
    }

    @Test func mismatchedSizesAreRefused() {
        #expect(throws: SelectionError.self) {
            try TemperatureScaling().fit(logits: [1, 2, 3], classCount: 2, labels: [0])
        }
        #expect(throws: SelectionError.self) { try TemperatureScaling(range: 2...3) }
        #expect(throws: SelectionError.self) { try TemperatureScaling(range: 0...3) }
    }

    @Test func hCalibrationCoolsOverconfidence() throws {
        let (logits, labels) = Self.drawn(400, classes: 3, temperature: 3, seed: 21)
        let fit = try HCalibration(window: 60).fit(logits: logits, classCount: 3, labels: labels)
        #expect((2...4.5).contains(fit.temperature))
        #expect(fit.errorAfter < fit.errorBefore)
    }

    @Test func hCalibrationErrorFollowsItsSteps() throws {
        let (logits, labels) = Self.drawn(30, classes: 3, temperature: 1, seed: 2)
        let method = try HCalibration(window: 10, clusters: 1)
        var expected = 0.0
        for left in 0..<3 {
            var events: [(p: Double, o: Double)] = []
            for row in 0..<30 where labels[row] != left {
                let p = ScoreOracle.softmax(Array(logits[(row * 3)..<(row * 3 + 3)]), temperature: 1.7)
                for index in 0..<3 { events.append((p[index], Int(labels[row]) == index ? 1 : 0)) }
            }
            events.sort { $0.p < $1.p }
            let local = events.indices.map { center in
                let near = events.indices.filter { abs($0 - center) <= 5 }
                return abs(near.reduce(0) { $0 + events[$1].p - events[$1].o }) / 11
            }
            expected += local.reduce(0, +) / Double(local.count) / 3
        }
        #expect(abs(method.error(logits, 3, labels, temperature: 1.7) - expected) < 1e-12)
    }

    @Test func clustersSplitAtTheMiddleBetweenMeans() {
        let values = [0.0, 0.1, 0.2, 0.8, 0.9, 1.0, 1.1]
        #expect(HCalibration.clusterBounds(values, 2) == [0, 3, 7])
    }
}
