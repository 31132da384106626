// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Reporting

@Suite struct ChartAxisTests {
    @Test(arguments: [
        ([0.0, 1.0], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([0.873, 0.9121], ["0.87", "0.88", "0.89", "0.90", "0.91", "0.92"]),
        ([-0.4, 1.7], ["-0.5", "0.0", "0.5", "1.0", "1.5", "2.0"]),
        ([3, 97], ["0", "20", "40", "60", "80", "100"]),
        ([0, 4e7], ["0", "1e7", "2e7", "3e7", "4e7"]),
    ])
    func ticksAreRoundNumbersAroundTheData(values: [Double], labels: [String]) {
        #expect(ChartAxis(values, isPadded: true).ticks.map(\.label) == labels)
    }

    @Test func oneValueAloneHasRoomAroundIt() {
        for value in [0.0, 5, -2e-9, 1e12] {
            let axis = ChartAxis([value], isPadded: true)
            #expect(axis.ticks.count >= 2)
            #expect(axis.range.lowerBound < value && value < axis.range.upperBound)
        }
    }

    @Test func nothingFiniteIsStillAnAxis() {
        #expect(ChartAxis([]).range == 0...1)
        #expect(ChartAxis([.nan, .infinity]).range == 0...1)
        #expect(ChartAxis([0, -1], scale: .logarithmic).range.lowerBound > 0)
    }

    @Test func equalRatiosAreEquallyFarApartOnALogarithmicAxis() throws {
        let axis = ChartAxis([1, 10_000], scale: .logarithmic)
        #expect(axis.ticks.map(\.label) == ["1", "10", "100", "1000", "10000"])
        let places = try [1, 10, 100, 1_000, 10_000].map { try #require(axis.position(of: $0)) }
        for (place, expected) in zip(places, [0, 0.25, 0.5, 0.75, 1]) { #expect(abs(place - expected) < 1e-12) }
        #expect(axis.position(of: 0) == nil)
        #expect(ChartAxis([3, 30], scale: .logarithmic).ticks.map(\.label) == ["5", "10", "20"])
    }
}
