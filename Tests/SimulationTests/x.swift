// SPDX-License-Identifier: Apache-2.0
import Testing
import Foundation
import Rounds
import Randomness
@testable import Simulation

@Test func smoke() throws {
    var job = JobSpecification(name: "a", seed: 7, rounds: 3, minimumAgents: 4)
    job.model = ModelSpecification(kind: "vector", elements: 100)
    let r = try ProtocolSimulation(recipe: .pseudo, timeLimit: .seconds(3600)).run(job: job, agents: Array(repeating: AgentProfile(), count: 4), seed: Seed(1))
    print(r.status, r.eventHash, r.eventCount, r.elapsed, r.bytesUp, r.bytesDown)
}
@Test func swarm() throws {
    let env = ProcessInfo.processInfo.environment
    if let s = env["TRIBUTARY_SEED"].flatMap(UInt64.init) {
        let r = SwarmSimulation().run(seed: s, trace: { print($0) })
        print(r)
        return
    }
    var total = Duration.zero, bad = 0, ev = 0, rounds = 0, ended: [String: Int] = [:]
    let start = Date()
    let n = env["TRIBUTARY_SEEDS"].flatMap(UInt64.init) ?? 50
    for s in 1...n {
        let r = SwarmSimulation().run(seed: s)
        total += r.virtualTime; ev += r.eventCount; rounds += r.committedRounds
        ended.merge(r.endedJobs, uniquingKeysWith: +)
        if !r.violations.isEmpty { bad += 1; if bad < 30 { print(s, r.violations) } }
    }
    let real = Date().timeIntervalSince(start)
    print("seeds", n, "bad", bad, "events", ev, "rounds", rounds, ended, "virtual", total, "real", real)
}
@Test func canaries() throws {
    for c in Canary.allCases {
        var found: UInt64?
        var text = ""
        for s in 1...UInt64(200) {
            let r = SwarmSimulation(canary: c).run(seed: s)
            if let v = r.violations.first { found = s; text = v; break }
        }
        print("canary", c, found as Any, text)
    }
}
