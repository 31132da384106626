// SPDX-License-Identifier: Apache-2.0

import Foundation
import Rounds
import Testing

@testable import Simulation

/// Ranks that train a round's clients together, each its share, come to the bits of one rank.
@Suite struct RankCohortTests {
    private struct Outcome: Sendable {
        let result: SimulationResult
        let roundsTogether: Int
        let sentBytes: Int
    }

    private static func scenario(_ changes: [String: Any]) throws -> Scenario {
        var file: [String: Any] = [
            "clients": 7, "data": "glyphs?samples=300&test=80", "rounds": 3, "seed": 3, "threads": 1,
            "split": "dirichlet:0.5", "model": ["kind": "mlp", "hidden": [16], "input": [28, 28], "classes": 10],
            "training": ["batch_size": 8, "momentum": 0.5],
        ]
        file.merge(changes) { $1 }
        return try JSONDecoder().decode(Scenario.self, from: try JSONSerialization.data(withJSONObject: file))
    }

    private static func run(
        _ scenario: Scenario,
        ranks count: Int,
        together: Bool = true,
        sharesTickets: Bool = false
    ) throws -> [Outcome] {
        try ThreadRanks.run(count, sharesTickets: sharesTickets) { ranks in
            let simulation = try FastSimulation(scenario, data: try ClientData(scenario), ranks: ranks)
            simulation.trainsTogether = together
            let result = try simulation.run()
            let rounds = simulation.roundsTrainedTogether
            return Outcome(result: result, roundsTogether: rounds, sentBytes: ranks.sentBytes)
        }
    }

    private func expectSameBits(
        _ scenario: Scenario,
        ranks: [Int],
        roundsTogether: Int = 3,
        sharesTickets: Bool = false
    ) throws {
        let one = try #require(try Self.run(scenario, ranks: 1, together: false).first).result
        #expect(one.status.phase == .finished)
        for count in ranks {
            for outcome in try Self.run(scenario, ranks: count, sharesTickets: sharesTickets) {
                #expect(outcome.roundsTogether == roundsTogether)
                #expect(outcome.result.status.modelDigest == one.status.modelDigest, "\(count) ranks")
                #expect(outcome.result.rounds.map(\.evaluation) == one.rounds.map(\.evaluation))
                #expect(outcome.result.rounds.map(\.committed.loss) == one.rounds.map(\.committed.loss))
                #expect(outcome.result.status.trainedSamples == one.status.trainedSamples)
                #expect(outcome.result.status.bytesUp == one.status.bytesUp)
                #expect(outcome.result.traffic == one.traffic)
            }
        }
    }

    /// Shares that differ in size, and ranks without a client.
    @Test func singleClientsAreSharedOut() throws {
        try expectSameBits(Self.scenario([:]), ranks: [1, 2, 3, 5, 9])
    }

    /// Whoever trains which client.
    @Test(arguments: [1, 2]) func clientsAreTakenFromOneList(threads: Int) throws {
        try expectSameBits(Self.scenario(["threads": threads]), ranks: [1, 2, 5], sharesTickets: true)
    }

    @Test func severalThreadsOfARankChangeNothing() throws {
        try expectSameBits(Self.scenario(["threads": 2]), ranks: [2])
    }

    @Test(arguments: ["fedadam", "fedavgm"]) func optimizersOfTheServerSeeTheSameSum(_ optimizer: String) throws {
        let strategy: [String: Any] = ["rule": "fedavg", "optimizer": optimizer]
        try expectSameBits(Self.scenario(["strategy": strategy]), ranks: [2])
    }

    private static var small: [String: Any] {
        [
            "clients": 700, "data": "synthetic?clients=700&samples=4&features=6&classes=3&test=50", "split": "natural",
            "evaluate_every": 3, "round": ["cohort": 600], "model": ["kind": "softmax", "input": [6], "classes": 3],
            "training": ["batch_size": 3, "learning_rate": 0.1],
        ]
    }

    /// 10 blocks: two ranks of one thread take whole blocks, three take single clients.
    @Test func blocksAreSharedOut() throws {
        try expectSameBits(Self.scenario(Self.small), ranks: [1, 2, 3])
        try expectSameBits(Self.scenario(Self.small.merging(["round": ["cohort": 577]]) { $1 }), ranks: [2])
    }

    /// Each change goes to where its elements are added, not to everyone as a whole.
    @Test func ranksSendLessThanWholeUpdates() throws {
        let scenario = try Self.scenario(["clients": 24, "evaluate_every": 0])
        let sent = try Self.run(scenario, ranks: 2).reduce(0) { $0 + $1.sentBytes }
        let updates = 3 * 24 * (784 * 16 + 16 + 16 * 10 + 10) * 4
        #expect(Double(sent) < 0.7 * Double(updates) && sent > updates / 2)
        let blocks = try Self.run(try Self.scenario(Self.small), ranks: 2).reduce(0) { $0 + $1.sentBytes }
        // Forty bytes of each client, and a few sums of padded weights in double precision.
        #expect(blocks < 3 * (600 * 40 + 12 * 512 * 8))
    }

    /// A client that diverges on one rank is left out by all.
    @Test func aClientThatFailsIsLeftOutByAllRanks() throws {
        var rows = (0..<1_200).map { "\($0 % 7),\(($0 * 5) % 11),\($0 / 2),\($0 % 2)" }
        rows[100] = "3e38,3e38,50,1"
        let path = NSTemporaryDirectory() + "rank-cohort-\(UUID().uuidString).csv"
        try ("a,b,client,label\n" + rows.joined(separator: "\n") + "\n").write(
            toFile: path,
            atomically: true,
            encoding: .utf8
        )
        defer { try? FileManager.default.removeItem(atPath: path) }
        // Two ranks take whole blocks, three single clients.
        let changes: [String: Any] = [
            "clients": 600, "rounds": 1, "evaluate_every": 0, "split": "natural",
            "data": "csv:\(path)?client=client&standardize=0&test=0",
            "model": ["kind": "softmax", "input": [2], "classes": 2], "training": ["learning_rate": 10],
            "round": ["cohort": 0, "quorum": 0.9, "below_quorum": "accept"] as [String: any Sendable],
        ]
        try expectSameBits(Self.scenario(changes), ranks: [1, 2, 3], roundsTogether: 0)
    }

    @Test func runsArriveWhereTheyAreExpected() throws {
        let received = try ThreadRanks.run(3) { ranks in
            var own = (0..<6).map { UInt8(10 * ranks.rank + $0) }
            var room = [UInt8](repeating: 0, count: 6)
            try own.withUnsafeMutableBytes { own in
                try room.withUnsafeMutableBytes { room in
                    let others = (0..<3).filter { $0 != ranks.rank }
                    // Two runs to each other rank: of its own number of bytes, then of one.
                    try ranks.exchange(
                        others.flatMap { other in
                            [
                                RankRun(rank: other, bytes: UnsafeRawBufferPointer(rebasing: own[..<other])),
                                RankRun(rank: other, bytes: UnsafeRawBufferPointer(rebasing: own[5...])),
                            ]
                        },
                        into: others.enumerated().flatMap { place, other in
                            let start = 3 * place
                            let end = start + ranks.rank
                            return [
                                MutableRankRun(rank: other, bytes: .init(rebasing: room[start..<end])),
                                MutableRankRun(rank: other, bytes: .init(rebasing: room[end...end])),
                            ]
                        }
                    )
                }
            }
            return room
        }
        #expect(received == [[15, 0, 0, 25, 0, 0], [0, 5, 0, 20, 25, 0], [0, 1, 5, 10, 11, 15]])
    }
}
