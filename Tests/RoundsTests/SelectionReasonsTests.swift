// SPDX-License-Identifier: Apache-2.0

import Selection
import Testing

@testable import Rounds

struct SelectionReasonsTests {
    @Test func oneReasonForAllIsKeptOnce() throws {
        let reasons = SelectionReasons(Array(repeating: .init(.uniform), count: 4_000))
        #expect(reasons == SelectionReasons(.uniform, count: 4_000))
        #expect(reasons.text == "uniform" && reasons[3_999].rule == .uniform && reasons.count == 4_000)
        #expect(reasons.counts.map(\.count) == [4_000])
    }

    @Test func textsAreReadBackWithTheSameBits() throws {
        let values = [1.0 / 3, -.infinity, 1e-300, .greatestFiniteMagnitude, 0]
        let reasons = SelectionReasons(values.map { .init(.highLoss, value: $0) } + [.init(.exploration)])
        #expect(SelectionReasons(parsing: reasons.text, count: 6) == reasons)
        #expect(reasons.counts.map { "\($0.count) \($0.rule.rawValue)" } == ["1 exploration", "5 high-loss"])
        #expect(SelectionReasons(parsing: "", count: 0) == SelectionReasons([]))
    }

    @Test(arguments: ["", "uniform uniform", "none-of-these", "uncertain:x uniform uniform"])
    func textsOfOtherCohortsAreRefused(_ text: String) {
        #expect(SelectionReasons(parsing: text, count: 3) == nil)
    }
}
