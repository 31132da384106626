// SPDX-License-Identifier: Apache-2.0

import ModelState
import Rounds
import Testing

@testable import Simulation

/// The checkers on journals made by hand: each must object to its own kind of wrong.
struct CheckerTests {
    let job = JobID(1)
    let agents = (1...2).map { AgentID(number: $0, of: 2) }

    func update(_ number: Int, round: UInt32 = 1) -> AcceptedUpdate {
        let key = UpdateKey(job: job, round: RoundNumber(round), attempt: 1, agent: agents[number])
        let offer = UpdateOffer(
            key: key,
            digest: BlobDigest(high: 0, low: UInt64(number)),
            byteCount: 4,
            codec: "fp32",
            weight: 1
        )
        return AcceptedUpdate(offer, norm: 1)
    }

    func started(_ round: UInt32) -> JournalEntry {
        .roundStarted(job, RoundNumber(round), attempt: 1, cohort: agents)
    }

    func committed(_ round: UInt32, _ updates: [AcceptedUpdate]) -> JournalEntry {
        .roundCommitted(
            job,
            CommittedRound(
                round: RoundNumber(round),
                modelDigest: BlobDigest(high: 0, low: 0),
                updates: updates,
                elapsed: .zero
            )
        )
    }

    func objections(_ journal: [JournalEntry], acknowledged: [UpdateKey] = []) -> [String] {
        let history = History()
        for key in acknowledged { history.acknowledged(key) }
        var found: [String] = []
        let reading = JournalReading(journal)
        RoundChecker.check(reading) { found.append($0) }
        UpdateChecker.check(reading, history) { found.append($0) }
        return found.map { String($0.prefix(2)) }
    }

    @Test func aGoodJournalIsGood() {
        let both = [update(0), update(1)]
        let journal = [started(1), .accepted(both[0]), .accepted(both[1]), committed(1, both)]
        #expect(objections(journal, acknowledged: both.map(\.key)).isEmpty)
    }

    @Test func aLostUpdateIsFound() {
        let journal = [started(1), .accepted(update(0)), committed(1, [update(0)])]
        #expect(objections(journal, acknowledged: [update(1).key]) == ["I1"])
        let abandoned = [started(1), .roundAbandoned(job, RoundNumber(1), attempt: 1)]
        #expect(objections(abandoned, acknowledged: [update(1).key]).isEmpty)
    }

    @Test func aDoubleUpdateIsFound() {
        let journal = [started(1), .accepted(update(0)), .accepted(update(0)), committed(1, [update(0)])]
        #expect(objections(journal) == ["I2"])
        let counted = [started(1), .accepted(update(0)), committed(1, [update(0), update(0)])]
        #expect(objections(counted) == ["I1"])
    }

    @Test func roundsOutOfOrderAreFound() {
        #expect(objections([started(2), committed(2, [])]) == ["I4"])
        #expect(objections([started(1), committed(1, []), committed(1, [])]) == ["I4"])
        #expect(objections([started(1), .accepted(update(0, round: 2)), committed(1, [])]) == ["I1"])
    }

    @Test func aStepBackAfterACrashIsFound() {
        let history = History()
        history.committed(job, RoundNumber(1), model: BlobDigest(high: 0, low: 0))
        history.crashed(losingPower: true)
        history.recovered([RecoveredJob(job: job, specification: JobSpecification())], journal: [])
        #expect(history.violations.isEmpty, "not durable: a loss of power may take it back")
        history.committed(job, RoundNumber(1), model: BlobDigest(high: 0, low: 0))
        history.durable(job, RoundNumber(1))
        history.crashed(losingPower: true)
        history.recovered([RecoveredJob(job: job, specification: JobSpecification())], journal: [])
        #expect(history.violations.count == 1)
    }
}
