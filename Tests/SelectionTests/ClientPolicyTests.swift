// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Selection

@Suite struct ClientPolicyTests {
    @Test func textsAreReadAndWritten() throws {
        #expect(try ClientPolicy(parsing: "uniform") == .uniform)
        #expect(try ClientPolicy(parsing: "weighted") == .weighted)
        #expect(try ClientPolicy(parsing: "power-of-choice:candidates=30") == .powerOfChoice(candidates: 30))
        #expect(try ClientPolicy(parsing: "power-of-choice") == .powerOfChoice(candidates: 20))
        #expect(
            try ClientPolicy(parsing: "uncertainty:cap=3,exploration=0.25") == .uncertainty(exploration: 0.25, cap: 3)
        )
        #expect(try ClientPolicy(parsing: "uncertainty") == .uncertainty(exploration: 0.1, cap: 2))
        let sized = ClientPolicy.uncertainty(exploration: 0.1, cap: 2, size: 0.5)
        #expect(try ClientPolicy(parsing: "uncertainty:size=0.5") == sized)
        #expect(try ClientPolicy(parsing: sized.description) == sized)
        for policy in ClientSelectionTests.policies {
            #expect(try ClientPolicy(parsing: policy.description) == policy)
            #expect(try JSONDecoder().decode(ClientPolicy.self, from: JSONEncoder().encode(policy)) == policy)
        }
    }

    @Test(arguments: [
        ("", SelectionError.Code.unknownPolicy), ("oort", .unknownPolicy), ("uniform:", .unknownSetting),
        ("uniform:a=1", .unknownSetting), ("weighted:cap=2", .unknownSetting),
        ("power-of-choice:candidates=0", .invalidParameter), ("power-of-choice:candidates=1.5", .invalidParameter),
        ("power-of-choice:candidates=x", .invalidParameter), ("power-of-choice:candidates", .invalidParameter),
        ("uncertainty:exploration=1.1", .invalidParameter), ("uncertainty:exploration=nan", .invalidParameter),
        ("uncertainty:cap=0.5", .invalidParameter), ("uncertainty:size=-1", .invalidParameter),
        ("uncertainty:cap=inf", .invalidParameter),
        ("uncertainty:cap=2,cap=3", .invalidParameter), ("uncertainty:cap=2,", .unknownSetting),
    ])
    func badTextsAreNamed(_ text: String, _ code: SelectionError.Code) {
        do {
            _ = try ClientPolicy(parsing: text)
            Issue.record("'\(text)' was read")
        } catch let error as SelectionError {
            #expect(error.code == code)
        } catch {
            Issue.record("another error: \(error)")
        }
    }
}
