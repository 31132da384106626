// SPDX-License-Identifier: Apache-2.0

import Rounds
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
