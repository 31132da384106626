// SPDX-License-Identifier: Apache-2.0

import Randomness
import Selection
import Testing

@testable import Adaptation

@Suite struct UplinkChoiceTests {
    typealias Upload = AdaptationScenario.Upload
    static let (count, batch, bytes) = (600, 20, 100)

    static func upload(_ change: (inout Upload) -> Void = { _ in }) -> Upload {
        var upload = AdaptationScenario(data: []).upload
        upload.window = 200
        change(&upload)
        return upload
    }

    /// What is sent of a stream of random scores, by number.
    static func sent(
        _ method: AdaptationScenario.Method,
        _ upload: Upload,
        score: (Int, Double) -> Double = { $1 },
        feature: (Int, Double) -> Float = { Float($1) }
    ) throws -> [Int] {
        var choice = try UplinkChoice(method, upload: upload, sampleCount: count, sampleBytes: bytes, seed: Seed(3))
        var generator = SeededGenerator(seed: Seed(5))
        var sent: [Int] = []
        for first in stride(from: 0, to: count, by: batch) {
            let draws = (0..<batch).map { _ in generator.uniform() }
            let rows = try choice.rows(
                first: first,
                scores: draws.enumerated().map { score(first + $0, $1) },
                features: draws.enumerated().map { feature(first + $0, $1) },
                bytes: bytes
            )
            #expect(rows == rows.sorted() && Set(rows).count == rows.count)
            sent += rows.map { first + $0 }
        }
        return sent
    }

    @Test func methodsWithoutTheCloudSendNothingAndAllSendsEverything() throws {
        for method in [AdaptationScenario.Method.source, .device, .meanTeacher, .statistics] {
            #expect(try Self.sent(method, Self.upload()).isEmpty)
        }
        #expect(try Self.sent(.all, Self.upload()) == Array(0..<Self.count))
    }

    @Test func uniformSendsExactlyItsShare() throws {
        #expect(try Self.sent(.uniform, Self.upload { $0.rate = 0.1 }).count == 60)
    }

    @Test(arguments: Upload.Choice.allCases)
    func everyChoiceStaysInItsBudgetAndUsesMostOfIt(choice: Upload.Choice) throws {
        let sent = try Self.sent(.uncertainty, Self.upload { $0.choice = choice })
        #expect(sent.count <= 60 && sent.count > 30)
    }

    @Test(arguments: Upload.Choice.allCases)
    func highScoresGoFirst(choice: Upload.Choice) throws {
        var scores: [Int: Double] = [:]
        let sent = try Self.sent(
            .uncertainty,
            Self.upload {
                $0.choice = choice
                $0.reserve = 0
            },
            score: { number, draw in
                scores[number] = draw
                return draw
            }
        )
        let mean = sent.reduce(0) { $0 + (scores[$1] ?? 0) } / Double(max(sent.count, 1))
        #expect(mean > 0.6)
    }

    @Test(arguments: Upload.Choice.allCases)
    func windowsOfTheBudgetAreKept(choice: Upload.Choice) throws {
        let upload = Self.upload {
            $0.choice = choice
            $0.rate = 0.5
            $0.budget = Upload.Budget(bytes: 7 * Self.bytes + 50, samples: 100)
        }
        for method in [AdaptationScenario.Method.uniform, .uncertainty] {
            let sent = try Self.sent(method, upload)
            for window in 0..<6 { #expect(sent.count { $0 / 100 == window } <= 7) }
            #expect(sent.count > 20)
        }
    }

    @Test(arguments: Upload.Choice.allCases)
    func scoresThatAreNoNumbersAreNeverChosen(choice: Upload.Choice) throws {
        let upload = Self.upload {
            $0.choice = choice
            $0.reserve = 0
        }
        let sent = try Self.sent(.uncertainty, upload, score: { $0 % 2 == 0 ? .nan : $1 })
        #expect(!sent.isEmpty && sent.allSatisfy { $0 % 2 == 1 })
    }

    @Test(arguments: Upload.Choice.allCases)
    func aClosedUplinkSendsTheReserveOnlyUntilScoresRise(choice: Upload.Choice) throws {
        let upload = Self.upload {
            $0.choice = choice
            $0.reserve = 0
            $0.drift = DriftDetector.Configuration(warmUp: 100)
        }
        #expect(try Self.sent(.uncertainty, upload).count < 10)
        let drifting = try Self.sent(.uncertainty, upload, score: { $0 < 300 ? $1 : $1 + 3 })
        #expect(drifting.contains { $0 >= 300 })
        #expect(drifting.count { $0 < 300 } < 10)
    }

    /// Half of the unsure samples look alike; a cover takes few of these.
    @Test func aCoverTakesDifferentSamples() throws {
        let alike = try [Upload.Choice.knapsack, .kCenter].map { choice in
            let upload = Self.upload {
                $0.choice = choice
                $0.reserve = 0
            }
            let sent = try Self.sent(
                .uncertainty,
                upload,
                score: { $0 % 2 == 0 ? 0.9 + 0.1 * $1 : 0.8 + 0.1 * $1 },
                feature: { $0 % 2 == 0 ? 0 : Float($1) + 1 }
            )
            return sent.count { $0 % 2 == 0 }
        }
        #expect(alike[0] > 50)
        #expect(alike[1] < alike[0] / 2 + 10)
    }
}
