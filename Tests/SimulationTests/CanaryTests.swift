// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Simulation

/// Proves that the checkers can object: each bug that a shell is given on purpose is found.
struct CanaryTests {
    /// The checkers that may find a bug, by the names of their invariants.
    static let finders: [Canary: [String]] = [
        .answerBeforeWrite: ["I1", "I5"], .durableWithoutSync: ["I5"], .countTwice: ["I3"],
        .forgetSpoolOnRestart: ["I3"], .dropLastEntryOnRestart: ["I1", "I5"], .skipDigestCheck: ["I3"],
        .acceptNotFinite: ["I3"], .staleModelOnRestart: ["I3"], .forgetOnAcceptance: ["I9"],
        .forgetRoundState: ["the final model"], .forgetAgentMemory: ["the final model"],
    ]

    @Test(arguments: Canary.allCases)
    func everySeededBugIsFoundWithinTwoHundredSeeds(_ canary: Canary) throws {
        let finders = try #require(Self.finders[canary])
        for seed in UInt64(1)...200 {
            let result = SwarmSimulation(canary: canary).run(seed: seed)
            if result.violations.contains(where: { text in finders.contains { text.hasPrefix($0) } }) { return }
        }
        Issue.record("\(canary) was not found")
    }
}
