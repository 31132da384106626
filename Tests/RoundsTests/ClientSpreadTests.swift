// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rounds

struct ClientSpreadTests {
    @Test func equalClientsAreFair() throws {
        let spread = try #require(ClientSpread(accuracies: Array(repeating: 0.8, count: 7)))
        #expect(abs(spread.fairness - 1) < 1e-12 && spread.deviation < 1e-12)
        #expect(abs(spread.worstTenthAccuracy - 0.8) < 1e-12 && spread.clientCount == 7)
    }

    @Test func oneWithAllIsAsUnfairAsCanBe() throws {
        let spread = try #require(ClientSpread(accuracies: [1, 0, 0, 0]))
        #expect(spread.fairness == 0.25 && spread.worstTenthAccuracy == 0 && spread.meanAccuracy == 0.25)
    }

    @Test func theWorstTenthIsTheMeanOfTheLowest() throws {
        let spread = try #require(ClientSpread(accuracies: (1...30).map { Double($0) / 30 }))
        #expect(abs(spread.worstTenthAccuracy - 2.0 / 30) < 1e-12)
        #expect(ClientSpread(accuracies: []) == nil)
    }
}
