// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing

@testable import Rounds

struct DurationTextTests {
    @Test(arguments: [
        ("250ms", 250), ("30s", 30_000), ("30", 30_000), ("1.5s", 1_500), ("10m", 600_000), ("10min", 600_000),
        ("2h", 7_200_000), ("1d", 86_400_000), ("0s", 0), (".5s", 500),
    ])
    func readsWhatPeopleWrite(_ text: String, _ milliseconds: Int) {
        #expect(DurationText(parsing: text)?.duration == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        "", "s", "-1s", "1w", "1 s", "1.2.3s", "1e3s", "½h", "∞", "nan", "s1", "999999999999d", "1000000000000s",
        "99999999999999999999999999",
    ])
    func refusesEverythingElse(_ text: String) {
        #expect(DurationText(parsing: text) == nil)
    }

    @Test func theTextReadsBackAsTheSameTime() throws {
        for microseconds in [1, 999, 1_000, 250_000, 1_500_000, 60_000_000, 86_400_000_000, 123_456_789_012] {
            let text = DurationText(.microseconds(microseconds))
            #expect(DurationText(parsing: text.description) == text, "\(text)")
        }
        let list = [DurationText(.milliseconds(250)), DurationText(.seconds(3))]
        let json = try JSONEncoder().encode(list)
        #expect(String(decoding: json, as: UTF8.self) == #"["250ms","3s"]"#)
        #expect(try JSONDecoder().decode([DurationText].self, from: json) == list)
        let numbers = try JSONDecoder().decode([DurationText].self, from: Data("[2, 0.00001, 100000000000]".utf8))
        #expect(numbers.map(\.duration) == [.seconds(2), .microseconds(10), .seconds(100_000_000_000)])
    }
}
