// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rounds

struct IdentifiersTests {
    @Test func agentsHaveNamesThatArePlain() {
        #expect(AgentID("Site_1.north-2")?.name == "Site_1.north-2")
        #expect(AgentID(String(repeating: "x", count: 128)) != nil)
        for name in ["", " ", "a b", "é", "a/b", "a\u{0}", String(repeating: "x", count: 129)] {
            #expect(AgentID(name) == nil)
        }
    }

    @Test func numberedAgentsSortAsTheirNumbers() {
        let agents = (1...1_000).map { AgentID(number: $0, of: 1_000) }
        #expect(agents.sorted() == agents)
        #expect(agents[6].name == "agent-0007")
    }

    @Test func jobsReadBothForms() {
        #expect(JobID(parsing: "job-7") == JobID(7) && JobID(parsing: "7") == JobID(7))
        for text in ["", "job-", "job-0", "0", "-1", "job--1", "7x", "18446744073709551616"] {
            #expect(JobID(parsing: text) == nil)
        }
        #expect("\(JobID(7))" == "job-7")
    }

    @Test func digestsReadWhatTheyWrite() {
        let digest = BlobDigest(high: 0x1, low: 0xFFFF_0000_0000_000A)
        #expect(digest.description == "0000000000000001ffff00000000000a")
        #expect(BlobDigest(parsing: digest.description) == digest)
        #expect(BlobDigest(parsing: String(digest.description.dropLast())) == nil)
        #expect(BlobDigest(parsing: String(repeating: "g", count: 32)) == nil)
    }

    @Test func keysSortByJobRoundAttemptAgent() {
        func key(_ job: UInt64, _ round: UInt32, _ attempt: UInt32, _ agent: String) -> UpdateKey {
            UpdateKey(
                job: JobID(job),
                round: RoundNumber(round),
                attempt: attempt,
                agent: AgentID(agent) ?? AgentID(number: 1, of: 1)
            )
        }
        let sorted = [
            key(1, 1, 1, "a"), key(1, 1, 1, "b"), key(1, 1, 2, "a"), key(1, 2, 1, "a"), key(2, 1, 1, "A"),
            key(2, 1, 1, "a"),
        ]
        #expect(sorted.reversed().sorted() == sorted)
        #expect("\(sorted[2])" == "job-1/round 1.2/a")
    }

    @Test func reasonsHaveTheNamesOfTheirCases() {
        #expect("\(ReasonCode.lateUpdate)" == "lateUpdate")
        #expect(ReasonCode.lateUpdate.description == "lateUpdate")
        #expect(Set(ReasonCode.allCases.map(\.description)).count == ReasonCode.allCases.count)
    }

    /// The numbers are part of the protocol.
    @Test(
        arguments: [
            (ReasonCode.unspecified, 0), (.shuttingDown, 1), (.replaced, 6), (.lateUpdate, 20), (.conflictingOffer, 30),
            (.jobCancelled, 40), (.unknownBlob, 53),
        ] as [(ReasonCode, UInt32)]
    )
    func reasonNumbersNeverChange(_ reason: ReasonCode, _ number: UInt32) {
        #expect(reason.rawValue == number)
    }

    @Test(arguments: [(1, 1, 1), (1, 5, 1), (0, 1, 1)] as [(UInt32, UInt32, UInt32?)])
    func versionsMeetAtTheNewestCommonOne(oldest: UInt32, newest: UInt32, common: UInt32?) {
        #expect(ProtocolVersion.common(oldest: oldest, newest: newest) == common)
        #expect(
            ProtocolVersion.common(oldest: 2, newest: 3) == nil && ProtocolVersion.common(oldest: 0, newest: 0) == nil
        )
    }
}
