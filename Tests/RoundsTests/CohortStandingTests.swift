// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rounds

struct CohortStandingTests {
    @Test(arguments: [1, 2, 3, 10, 31])
    func everyAgentIsFoundWhereverItIsLookedForFirst(count: Int) {
        let all = agents(count + 2).sorted()
        let cohort = Array(all[1...count])
        let standing = CohortStanding(pending: cohort)
        for expected in 0...(count + 1) {
            for (position, agent) in cohort.enumerated() {
                #expect(standing.position(of: agent, near: expected) == position)
            }
            #expect(standing.position(of: all[0], near: expected) == nil)
            #expect(standing.position(of: all[count + 1], near: expected) == nil)
        }
        #expect(standing[all[0]] == nil && standing[cohort[0]] == .pending)
    }

    @Test func aChangeConcernsOneAgentAlone() {
        let all = agents(3)
        var standing = CohortStanding(pending: all)
        standing[1] = .failed(.agentLost)
        #expect(all.map { standing[$0] } == [.pending, .failed(.agentLost), .pending])
        #expect(standing.contains(.failed(.agentLost)) && !standing.contains(.failed(.lateUpdate)))
    }

    @Test func anEmptyCohortHasNobody() {
        #expect(CohortStanding(pending: []).position(of: agents(1)[0]) == nil)
    }
}
