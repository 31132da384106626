// SPDX-License-Identifier: Apache-2.0

import Foundation
import Randomness
import Rounds
import Testing

@testable import Simulation

struct DeviceModelTests {
    private func key(_ agent: Int, round: UInt32 = 1) -> UpdateKey {
        UpdateKey(job: JobID(1), round: RoundNumber(round), attempt: 1, agent: AgentID(number: agent, of: 9))
    }

    @Test func distributionsHaveTheMomentsThatTheyClaim() throws {
        // Text, then the mean of the distribution.
        let cases: [(String, Double)] = [
            ("constant:2", 2), ("uniform:1,5", 3), ("exponential:4", 4),
            ("half-normal:3", 3 * (2 / Double.pi).squareRoot()),
            ("lognormal:2,0.5", 2 * exp(0.125)), ("pareto:1,3", 1.5),
        ]
        for (text, mean) in cases {
            let distribution = try TimeDistribution(parsing: text, key: "delay")
            var generator = SeededGenerator(seed: Seed(3))
            let draws = (0..<20_000).map { _ in distribution.draw(&generator) }
            #expect(abs(draws.reduce(0, +) / 20_000 - mean) < 0.04 * mean, "\(text)")
            #expect(draws.allSatisfy { $0 >= 0 && $0.isFinite })
        }
    }

    @Test(arguments: [
        "", "constant", "constant:x", "uniform:5,1", "pareto:1,0", "gauss:1", "constant:-1", "lognormal:1",
    ])
    func malformedDistributionsAreRefused(text: String) {
        #expect(throws: SpecificationError.self) { try TimeDistribution(parsing: text, key: "delay") }
    }

    @Test func timeIsLoadingTrainingAndSending() throws {
        let specification = DeviceSpecification(
            secondsPerSample: 0.5,
            speed: "constant:2",
            delay: "constant:3",
            downlinkMbit: 8,
            uplinkMbit: 4
        )
        let model = try DeviceModel(specification, seed: 1)
        let (time, arrives) = model.duration(of: key(1), trainedSamples: 10, bytesDown: 2_000_000, bytesUp: 1_000_000)
        #expect(arrives && time == .seconds(2 + 10 + 3 + 2))
    }

    @Test func speedBelongsToTheDeviceAndDelayToTheTask() throws {
        func times(_ specification: DeviceSpecification, _ keys: [UpdateKey]) throws -> Set<Duration> {
            let model = try DeviceModel(specification, seed: 5)
            return Set(keys.map { model.duration(of: $0, trainedSamples: 1, bytesDown: 0, bytesUp: 0).time })
        }
        let rounds = (1...5).map { key(1, round: $0) }
        let agents = (1...5).map { key($0) }
        let speed = DeviceSpecification(secondsPerSample: 1, speed: "lognormal:1,1")
        #expect(try times(speed, rounds).count == 1 && times(speed, agents).count == 5)
        let delay = DeviceSpecification(delay: "exponential:1")
        #expect(try times(delay, rounds).count == 5)
    }

    @Test func tasksFailAsOftenAsAsked() throws {
        let model = try DeviceModel(DeviceSpecification(failure: 0.3), seed: 2)
        let lost = (1...2_000).count {
            !model.duration(of: key(1, round: UInt32($0)), trainedSamples: 1, bytesDown: 0, bytesUp: 0).arrives
        }
        #expect(abs(lost - 600) < 80)
    }

    @Test func arrivalsComeInTheOrderOfTheirTimes() {
        var queue = ArrivalQueue()
        var generator = SeededGenerator(seed: Seed(1))
        let failure = ClientFailure(reason: .trainerFailed, message: "")
        for round in 1...200 {
            let time = Instant(.seconds(generator.below(50)))
            queue.insert(.init(time: time, key: key(1, round: UInt32(round)), result: .failure(failure)))
        }
        var seen: [(Instant, UpdateKey)] = []
        while let next = queue.removeFirst() { seen.append((next.time, next.key)) }
        #expect(seen.count == 200)
        #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.0 != $1.0 ? $0.0 < $1.0 : $0.1 < $1.1 })
    }
}
