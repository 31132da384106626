// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Rounds

/// The driver's evaluations find an accuracy of 0.5.
struct JobMachineTargetTests {
    private static func driver(_ target: JobSpecification.Target?) -> JobDriver {
        var specification = JobSpecification.sample(agents: 2, rounds: 5, evaluateEvery: 2)
        specification.target = target
        var job = JobDriver(specification, agents: agents(2))
        job.give(.begin)
        for round in 1...5 { for agent in agents(2) { job.verify(agent, round: UInt32(round)) } }
        return job
    }

    @Test func theRoundThatReachesTheTargetIsTheLast() {
        let job = Self.driver(.init(accuracy: 0.5, stops: true))
        #expect(job.hasEnded && job.machine.status.phase == .finished)
        #expect(job.commits.map(\.round.value) == [1, 2])
        #expect(job.machine.status.message.contains("round 2 reached accuracy 0.5"))
        #expect(job.recovered.phase == .finished)
    }

    @Test(arguments: [
        JobSpecification.Target(accuracy: 0.51, stops: true), JobSpecification.Target(accuracy: 0.1), nil,
    ])
    func withoutReachingOrStoppingAllRoundsAreDone(target: JobSpecification.Target?) {
        let job = Self.driver(target)
        #expect(job.hasEnded && job.commits.count == 5)
        #expect(job.machine.status.message.isEmpty)
    }

    @Test func aTargetIsReadAndWritten() throws {
        func read(_ text: String) throws -> JobSpecification {
            try JSONDecoder().decode(JobSpecification.self, from: Data(text.utf8))
        }
        let job = try read(#"{"target": {"accuracy": 0.9, "stop": true}}"#)
        #expect(job.target == .init(accuracy: 0.9, stops: true))
        #expect(try JSONDecoder().decode(JobSpecification.self, from: JSONEncoder().encode(job)) == job)
        let smooth = try read(#"{"target": {"accuracy": 0.9, "window": 5}}"#)
        #expect(smooth.target == .init(accuracy: 0.9, window: 5))
        #expect(try JSONDecoder().decode(JobSpecification.self, from: JSONEncoder().encode(smooth)) == smooth)
        for bad in [
            #"{"target": {"accuracy": 0.9, "window": 0}}"#,
            #"{"target": {"accuracy": 0.9, "window": 2, "stop": true}}"#,
            #"{"target": {"accuracy": 0}}"#, #"{"target": {"accuracy": 1.1}}"#, #"{"target": {"stop": true}}"#,
            #"{"target": {"acuracy": 0.5}}"#, #"{"target": {"accuracy": 0.5, "stop": true}, "evaluate_every": 0}"#,
        ] { #expect(throws: SpecificationError.self) { try read(bad) } }
    }
}
