// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rounds

struct RoundMachineTests {
    /// A situation and what a round does in it.
    struct Case: CustomTestStringConvertible, Sendable {
        var name: String
        var policy: RoundPolicy
        var asked = 4
        var accepted = 0
        var recording = 0
        var lost = 0
        var refused = 0
        var extended = 0
        var isDue = false
        var decision: RoundMachine.Decision
        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(name: "waits while agents are pending", policy: RoundPolicy(), accepted: 3, decision: .wait),
        Case(name: "closes at its target", policy: RoundPolicy(), accepted: 4, decision: .close),
        Case(
            name: "closes at the cohort of an over-selection",
            policy: RoundPolicy(cohort: 2),
            accepted: 2,
            decision: .close
        ),
        Case(
            name: "closes with the quorum when due",
            policy: RoundPolicy(quorum: 0.5),
            accepted: 2,
            isDue: true,
            decision: .close
        ),
        Case(
            name: "closes with the quorum when nobody is left",
            policy: RoundPolicy(quorum: 0.5),
            accepted: 2,
            refused: 2,
            decision: .close
        ),
        Case(
            name: "waits while an update is journaled, though due",
            policy: RoundPolicy(quorum: 0.5),
            accepted: 3,
            recording: 1,
            isDue: true,
            decision: .wait
        ),
        Case(name: "extends below the quorum", policy: RoundPolicy(), accepted: 1, isDue: true, decision: .extend),
        Case(
            name: "extends as often as it may",
            policy: RoundPolicy(maximumExtensions: 2),
            accepted: 1,
            extended: 1,
            isDue: true,
            decision: .extend
        ),
        Case(
            name: "abandons after its extensions",
            policy: RoundPolicy(maximumExtensions: 2),
            accepted: 1,
            extended: 2,
            isDue: true,
            decision: .abandon
        ),
        Case(name: "abandons when all were refused", policy: RoundPolicy(), refused: 4, decision: .abandon),
        Case(
            name: "waits for lost agents until the deadline",
            policy: RoundPolicy(),
            accepted: 1,
            lost: 3,
            decision: .wait
        ),
        Case(
            name: "extends for lost agents",
            policy: RoundPolicy(),
            accepted: 1,
            lost: 3,
            isDue: true,
            decision: .extend
        ),
        Case(
            name: "accepts what there is",
            policy: RoundPolicy(quorum: 1, belowQuorum: .accept),
            accepted: 1,
            isDue: true,
            decision: .close
        ),
        Case(
            name: "never accepts nothing",
            policy: RoundPolicy(quorum: 1, belowQuorum: .accept),
            isDue: true,
            decision: .abandon
        ),
        Case(
            name: "accepts no less than the minimum",
            policy: RoundPolicy(quorum: 1, minimumUpdates: 2, belowQuorum: .accept),
            accepted: 1,
            isDue: true,
            decision: .abandon
        ),
        Case(
            name: "abandons below the quorum",
            policy: RoundPolicy(quorum: 1, belowQuorum: .abandon),
            accepted: 3,
            isDue: true,
            decision: .abandon
        ),
        Case(
            name: "needs the minimum even where the quorum is smaller",
            policy: RoundPolicy(quorum: 0.25, minimumUpdates: 3, belowQuorum: .abandon),
            accepted: 2,
            isDue: true,
            decision: .abandon
        ),
    ]

    @Test(arguments: cases)
    func decides(_ situation: Case) {
        let agents = (1...situation.asked).map { AgentID(number: $0, of: 9) }
        let start = Instant.start
        var round = RoundMachine(
            job: JobID(1),
            number: RoundNumber(1),
            attempt: 1,
            cohort: agents,
            policy: situation.policy,
            now: start
        )
        var next = agents[...]
        func take(_ count: Int, _ standing: (AgentID) -> RoundMachine.Standing) {
            for _ in 0..<count {
                let agent = next.removeFirst()
                round.set(agent, to: standing(agent))
            }
        }
        take(situation.accepted) { .accepted(.sample($0)) }
        take(situation.recording) { .recording(.sample($0)) }
        take(situation.lost) { _ in .failed(.agentLost) }
        take(situation.refused) { _ in .failed(.notFinite) }
        for _ in 0..<situation.extended { round.extend(at: start) }
        let now = situation.isDue ? round.deadline : start.advanced(by: .seconds(1))
        #expect(round.decision(at: now) == situation.decision)
    }

    @Test func foldsInTheOrderOfKeysWhateverTheOrderOfArrival() {
        let agents = (1...5).map { AgentID(number: $0, of: 9) }
        var round = RoundMachine(
            job: JobID(1),
            number: RoundNumber(1),
            attempt: 1,
            cohort: agents,
            policy: RoundPolicy(),
            now: .start
        )
        for agent in agents.reversed() { round.set(agent, to: .accepted(.sample(agent))) }
        #expect(round.accepted.map(\.key.agent) == agents)
    }

    @Test func hasNoRoomOnceAcceptedAndRecordingReachTheTarget() {
        let agents = (1...4).map { AgentID(number: $0, of: 9) }
        var round = RoundMachine(
            job: JobID(1),
            number: RoundNumber(1),
            attempt: 1,
            cohort: agents,
            policy: RoundPolicy(cohort: 2),
            now: .start
        )
        round.set(agents[0], to: .accepted(.sample(agents[0])))
        #expect(round.hasRoom)
        round.set(agents[1], to: .recording(.sample(agents[1])))
        #expect(!round.hasRoom)
        round.set(agents[1], to: .pending)
        #expect(round.hasRoom)
    }

    @Test(arguments: [
        (0, 0.0, 7, 7, 7), (10, 0.3, 100, 13, 10), (10, 0.3, 5, 5, 5), (3, 0.5, 100, 5, 3), (1, 0, 1, 1, 1),
    ])
    func asksAndWantsAsThePolicySays(cohort: Int, extra: Double, available: Int, asked: Int, wanted: Int) {
        let policy = RoundPolicy(cohort: cohort, overSelection: extra)
        #expect(policy.selectionCount(available: available) == asked)
        #expect(policy.targetCount(selected: asked) == wanted)
    }
}
