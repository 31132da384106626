// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Selection

@Suite struct CalibrationBinsTests {
    @Test func twoBinsAreCountedByHand() throws {
        let bins = try CalibrationBins.equalWidth(
            confidences: [0.2, 0.4, 0.9, 0.7, 0.8],
            isCorrect: [true, false, true, true, false],
            count: 2
        )
        // Low: mean confidence 0.3, accuracy 0.5; high: 0.8 and 2/3.
        #expect(bins.bins.map(\.count) == [2, 3])
        #expect(abs(bins.expectedError - (0.4 * 0.2 + 0.6 * (0.8 - 2.0 / 3))) < 1e-12)
        #expect(abs(bins.maximumError - 0.2) < 1e-12)
    }

    @Test func upperEndsBelongToTheirBins() throws {
        let confidences = [0.0, 0.5, 0.500001, 1.0]
        let flags = [Bool](repeating: true, count: 4)
        let bins = try CalibrationBins.equalWidth(confidences: confidences, isCorrect: flags, count: 2)
        #expect(bins.bins.map(\.count) == [2, 2])
    }

    @Test func honestConfidenceHasNoError() throws {
        let confidences = [Double](repeating: 0.75, count: 8)
        let flags = (0..<8).map { $0 % 4 != 0 }
        #expect(try CalibrationBins.equalWidth(confidences: confidences, isCorrect: flags).expectedError == 0)
        #expect(try CalibrationBins.equalMass(confidences: confidences, isCorrect: flags).expectedError == 0)
    }

    @Test func equalMassFollowsItsDefinition() throws {
        var samples = Samples(3)
        let confidences = samples.scores(100)
        let flags = samples.flags(100, share: 0.6)
        let order = (0..<100).sorted { confidences[$0] < confidences[$1] }
        var expected = 0.0
        for bin in 0..<4 {
            let members = order[(bin * 25)..<(bin * 25 + 25)]
            let gap = members.reduce(0.0) { $0 + (flags[$1] ? 1 : 0) - confidences[$1] }
            expected += abs(gap) / 100
        }
        let bins = try CalibrationBins.equalMass(confidences: confidences, isCorrect: flags, count: 4)
        #expect(bins.bins.map(\.count) == [25, 25, 25, 25])
        #expect(abs(bins.expectedError - expected) < 1e-12)
    }

    @Test func orderOfTiesDoesNotMatter() throws {
        var samples = Samples(9)
        let confidences = samples.tiedScores(50, levels: 4).map { $0 / 4 }
        let flags = samples.flags(50, share: 0.5)
        let reversed = try CalibrationBins.equalMass(
            confidences: confidences.reversed(),
            isCorrect: flags.reversed(),
            count: 7
        )
        let bins = try CalibrationBins.equalMass(confidences: confidences, isCorrect: flags, count: 7)
        #expect(abs(reversed.expectedError - bins.expectedError) < 1e-12)
        #expect(bins.bins.map(\.count).reduce(0, +) == 50)
    }

    @Test func noSamplesHaveNoError() throws {
        #expect(try CalibrationBins.equalMass(confidences: [], isCorrect: []).expectedError == 0)
        #expect(try CalibrationBins.equalWidth(confidences: [], isCorrect: []).expectedError == 0)
    }

    @Test(arguments: [-0.1, 1.1, .nan, .infinity])
    func confidencesOutsideAreRefused(_ confidence: Double) {
        #expect(throws: SelectionError.self) {
            try CalibrationBins.equalWidth(confidences: [confidence], isCorrect: [true])
        }
        #expect(throws: SelectionError.self) {
            try CalibrationBins.equalMass(confidences: [confidence], isCorrect: [true])
        }
    }

    @Test func senselessShapesAreRefused() {
        #expect(throws: SelectionError.self) { try CalibrationBins.equalMass(confidences: [1], isCorrect: []) }
        #expect(throws: SelectionError.self) {
            try CalibrationBins.equalWidth(confidences: [1], isCorrect: [true], count: 0)
        }
    }
}
