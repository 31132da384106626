// SPDX-License-Identifier: Apache-2.0

import Rounds
import Selection
import Testing

@testable import Simulation

/// R1: the coordinator ends at every single action of a job, by a kill or a loss of power.
///
/// The final model has the same bits.
struct CoordinatorCrashTests {
    @Test(arguments: [CoordinatorHost.CrashKind.kill, .powerLoss])
    func endingAtAnyActionGivesTheSameFinalModel(_ kind: CoordinatorHost.CrashKind) throws {
        let calm = TestWorld()
        #expect(calm.finish())
        let expected = try #require(calm.modelDigest)
        let count = calm.world.coordinator.actionCount
        #expect(count > 100, "a job of three rounds has many actions")
        for action in 0..<count {
            let test = TestWorld()
            test.world.coordinator.crashPoint = (action, kind)
            let hasEnded = test.finish()
            let context: Comment = "ended at action \(action) of \(count)"
            #expect(hasEnded, context)
            #expect(test.modelDigest == expected, context)
            #expect(test.violations.isEmpty, context)
            // The very first actions happen while the world is made.
            #expect(test.history.crashes == 1, context)
        }
    }

    @Test(arguments: [CoordinatorHost.CrashKind.kill, .powerLoss], ["power-of-choice:candidates=4", "uncertainty"])
    func endingAtAnyActionGivesTheSameChoices(_ kind: CoordinatorHost.CrashKind, _ policy: String) throws {
        let selection = SelectionSpecification(policy: try ClientPolicy(parsing: policy))
        let calm = TestWorld(agents: 5, rounds: 5, cohort: 2, selection: selection)
        #expect(calm.finish())
        let count = calm.world.coordinator.actionCount
        // Every action of one residue: those of all kinds and policies together meet every kind of action.
        for action in stride(from: policy.count % 3, to: count, by: 3) {
            let test = TestWorld(agents: 5, rounds: 5, cohort: 2, selection: selection)
            test.world.coordinator.crashPoint = (action, kind)
            #expect(test.finish() && test.violations.isEmpty, "ended at action \(action)")
            #expect(test.modelDigest == calm.modelDigest, "ended at action \(action)")
            #expect(test.choices == calm.choices, "ended at action \(action)")
        }
        #expect(calm.choices.count == 5 && Set(calm.choices.values).count > 1)
    }

    @Test(arguments: [CoordinatorHost.CrashKind.kill, .powerLoss])
    func endingAgainAndAgainGivesTheSameFinalModel(_ kind: CoordinatorHost.CrashKind) throws {
        let calm = TestWorld()
        #expect(calm.finish())
        for period in [11, 23, 37, 53] {
            let test = TestWorld(seed: UInt64(period))
            var next = period
            test.world.coordinator.crashPoint = (next, kind)
            while test.run(until: { !test.world.coordinator.isRunning }) {
                _ = test.world.run(until: test.world.clock.now.advanced(by: .milliseconds(50)))
                // Later and later, so that some work gets done between two crashes.
                next = test.world.coordinator.actionCount + period + next / 10
                test.world.coordinator.crashPoint = (next, kind)
                test.world.coordinator.start()
            }
            #expect(test.world.person?.isDone == true && test.history.crashes > 1)
            #expect(test.modelDigest == calm.modelDigest, "every \(period) actions")
            #expect(test.violations.isEmpty)
        }
    }
}
