// SPDX-License-Identifier: Apache-2.0

import Foundation
import Learning
import Rounds
import Testing

@testable import Simulation

/// What is measured beside a simulation, and the pace of its rounds.
struct SimulationRooflineTests {
    private func scenario(_ changes: [String: Any] = [:]) throws -> Scenario {
        let file: [String: Any] = [
            "clients": 4, "data": "glyphs?samples=80&test=20", "rounds": 3, "threads": 2,
            "model": ["kind": "mlp", "input": [28, 28], "classes": 10, "hidden": [50]],
        ]
        let text = try JSONSerialization.data(withJSONObject: file.merging(changes) { $1 })
        return try JSONDecoder().decode(Scenario.self, from: text)
    }

    @Test func everyProductIsMeasuredOnAllThreads() throws {
        let scenario = try scenario()
        let roofline = try SimulationRoofline(scenario, data: ClientData(scenario), seconds: 0.002)
        #expect(roofline.threads == 2 && roofline.peak > 0 && roofline.threadPeak > 0)
        #expect(roofline.products.count == 5 && roofline.products.allSatisfy { $0.secondsPerSample > 0 })
        #expect(roofline.products.map(\.flopsPerSample).reduce(0, +) == roofline.flopsPerSample)
        // At the pace at which both threads do nothing else, products are all of the time.
        let seconds = roofline.products.reduce(0) { $0 + $1.secondsPerSample }
        let share = try #require(roofline.productShare(samplesPerSecond: 2 / seconds))
        #expect(abs(share - 1) < 1e-9)
    }

    @Test(arguments: ["small-cnn", "lenet", "resnet"]) func layersAreMeasuredForwardAndBack(kind: String) throws {
        let scenario = try scenario(["model": ["kind": kind, "input": [28, 28], "classes": 10]])
        let roofline = try SimulationRoofline(scenario, data: ClientData(scenario), seconds: 0.001)
        #expect(roofline.products.count >= 4 && roofline.products.allSatisfy { $0.secondsPerSample > 0 })
        #expect(roofline.products.map(\.flopsPerSample).reduce(0, +) == roofline.flopsPerSample)
        let names = roofline.products.map(\.name)
        #expect(Set(names.prefix(names.count / 2)).isDisjoint(with: names.suffix(names.count / 2)), "\(names)")
        let rate = try #require(roofline.productGigaflopsPerSecond)
        #expect(rate > 0)
    }

    @Test func modelsWithoutProductsHaveNone() throws {
        let scenario = try scenario(["model": ["kind": "vector", "elements": 9], "training": ["trainer": "none"]])
        let roofline = try SimulationRoofline(scenario, data: ClientData(scenario), seconds: 0.001)
        #expect(roofline.products.isEmpty && roofline.productGigaflopsPerSecond == nil)
        #expect(roofline.productShare(samplesPerSecond: 1) == nil)
    }

    private func round(_ number: UInt32, seconds: Double, samples: UInt64, clients: Int) -> CommittedRound {
        CommittedRound(
            round: RoundNumber(number),
            modelDigest: BlobDigest(high: 0, low: 0),
            updateCount: clients,
            weight: 1,
            bytesUp: 0,
            trainedSamples: samples,
            loss: 0,
            trainingTime: .zero,
            elapsed: .seconds(seconds)
        )
    }

    @Test func theFirstRoundIsNoPartOfThePace() throws {
        let rounds = [
            round(1, seconds: 100, samples: 10, clients: 1), round(2, seconds: 1, samples: 30, clients: 2),
            round(3, seconds: 3, samples: 50, clients: 4),
        ]
        let pace = try #require(SimulationPace(rounds))
        #expect(pace.samplesPerSecond == 20 && pace.clientsPerSecond == 1.5 && pace.medianRoundSeconds == 2)
        #expect(SimulationPace([rounds[0]])?.clientsPerSecond == 0.01 && SimulationPace([]) == nil)
    }

    @Test func onlyRoundsOfWallTimeHaveAPace() throws {
        let wall = try SimulationRun.run(scenario())
        #expect((wall.pace?.samplesPerSecond ?? 0) > 0 && wall.firstTask != nil)
        #expect(try SimulationRun.run(scenario(["devices": ["delay": "pareto:1,1.1"]])).pace == nil)
    }
}
