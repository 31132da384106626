// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Randomness
import Selection
import Testing

@Suite struct DeviceCalibrationTests {
    /// Answers that are right three times in four and claim much more.
    private static let boasting: (logits: [Float], labels: [Int32]) = {
        var generator = SeededGenerator(seed: Seed(1))
        var (logits, labels): ([Float], [Int32]) = ([], [])
        for number in 0..<800 {
            let said = generator.below(3)
            let sureness = 3 + 6 * generator.uniformFloat()
            for index in 0..<3 { logits.append(index == said ? sureness : 0) }
            labels.append(Int32(number / 2 % 4 == 0 ? (said + 1) % 3 : said))
        }
        return (logits, labels)
    }()

    @Test(arguments: [DeviceCalibration.Method.temperature, .hCalibration])
    func boastingIsCooledAndTheOtherHalfConfirmsIt(method: DeviceCalibration.Method) throws {
        let (logits, labels) = Self.boasting
        let fit = try DeviceCalibration(method, logits: logits, classCount: 3, labels: labels)
        #expect(fit.temperature > 2)
        #expect(fit.errorBefore > 0.2 && fit.errorAfter < 0.5 * fit.errorBefore)
    }

    @Test func withoutAMethodNothingChanges() throws {
        let (logits, labels) = Self.boasting
        let fit = try DeviceCalibration(.none, logits: logits, classCount: 3, labels: labels)
        #expect(fit.temperature == 1 && fit.errorBefore == fit.errorAfter && fit.errorBefore > 0.2)
    }

    @Test func theJudgingHalfIsNotFittedTo() throws {
        let (logits, labels) = Self.boasting
        // Other labels for the rows of odd number: the temperature stays, the error does not.
        let others = labels.enumerated().map { $0 % 2 == 1 ? ($1 + 1) % 3 : $1 }
        let first = try DeviceCalibration(.temperature, logits: logits, classCount: 3, labels: labels)
        let second = try DeviceCalibration(.temperature, logits: logits, classCount: 3, labels: others)
        #expect(first.temperature == second.temperature)
        #expect(second.errorAfter > first.errorAfter + 0.1)
    }

    @Test func answersWithoutLabelsAreRefused() {
        #expect(throws: SelectionError.self) {
            try DeviceCalibration(.temperature, logits: [1, 2, 3], classCount: 3, labels: [])
        }
        #expect(throws: SelectionError.self) {
            try DeviceCalibration(.none, logits: [], classCount: 3, labels: [])
        }
    }
}
