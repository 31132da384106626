// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Several jobs of one coordinator.
@Suite(.fewAtATime)
struct JobQueueTests {
    @Test func jobsRunInTurnAndEachMakesItsOwnModel() async throws {
        let jobs = (1...3).map { TestJob(name: "turn-\($0)", seed: $0, rounds: 1 + $0, agents: 3) }
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            var names: [String] = []
            for job in jobs { names.append(try await cluster.submit(job)) }
            #expect(names == ["job-1", "job-2", "job-3"])
            try cluster.startAgents(of: jobs[0])
            for (name, job) in zip(names, jobs) {
                let status = try await cluster.finish(name)
                #expect(status["model_digest"]?.text == (try await cluster.simulatedDigest(of: job)))
                #expect(status["rounds"]?.integer == job.rounds)
            }
            let order = try cluster.events("ended").compactMap { $0["status"]?["job"]?.text }
            #expect(order == names)
        }
    }

    @Test func aRunningAndAQueuedJobCanBeCancelledAndTheNextOneRuns() async throws {
        let endless = TestJob(name: "endless", rounds: 1_000_000, agents: 2)
        let last = TestJob(name: "last", rounds: 2, agents: 2)
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            try cluster.startAgents(of: endless)
            let running = try await cluster.submit(endless)
            let queued = try await cluster.submit(TestJob(name: "queued", agents: 2))
            let next = try await cluster.submit(last)
            let watches = [try cluster.watch(queued), try cluster.watch(running)]
            for watch in watches { try await eventually("an event") { !watch.outputLines.isEmpty } }
            try await cluster.waitForEvents("roundCommitted", count: 3)
            for name in [queued, running] {
                let outcome = try await cluster.command(
                    "job",
                    "cancel",
                    name,
                    "--coordinator",
                    cluster.address,
                    "--json"
                )
                #expect(outcome.code == 0)
                #expect(try outcome.records().first?["phase"]?.text == "cancelled")
            }
            for watch in watches {
                #expect(try await watch.exitCode() == 2)
                #expect(watch.errorLines.count == 1)
                #expect(watch.errors.contains("was cancelled"))
                #expect(try watch.records().last?["event"]?.text == "ended")
            }
            #expect(
                try await cluster.finish(next)["model_digest"]?.text == (try await cluster.simulatedDigest(of: last))
            )
            let again = try await cluster.command("job", "cancel", running, "--coordinator", cluster.address)
            #expect(again.code == 65)
            #expect(again.errors.contains("is over"))
            // Cancelled jobs stay cancelled.
            cluster.coordinator.kill()
            try await cluster.startCoordinator()
            let list = try await cluster.command("job", "list", "--coordinator", cluster.address, "--json")
            #expect(try list.records().compactMap { $0["phase"]?.text } == ["cancelled", "cancelled", "finished"])
        }
    }

    @Test func watchingTellsEveryRoundAsJSON() async throws {
        let job = TestJob(name: "told", rounds: 3, agents: 2)
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            let name = try await cluster.submit(job)
            let watch = try cluster.watch(name)
            try await eventually("the first event") { !watch.outputLines.isEmpty }
            try cluster.startAgents(of: job)
            #expect(try await watch.exitCode() == 0)
            #expect(watch.errors.isEmpty)
            let records = try watch.records()
            let kinds = records.compactMap { $0["event"]?.text }
            #expect(kinds.first == "status" && kinds.last == "ended")
            #expect(kinds.filter { $0 == "roundStarted" }.count == 3)
            #expect(kinds.filter { $0 == "roundCommitted" }.count == 3)
            #expect(kinds.filter { $0 == "evaluated" }.count == 3)
            let rounds = records.compactMap { $0["status"]?["round"]?.integer }
            #expect(rounds == rounds.sorted())
            let status = try await cluster.command("job", "status", name, "--coordinator", cluster.address, "--json")
            #expect(try status.records().first == records.last?["status"])
            // The same for people.
            let text = try await cluster.command("job", "list", "--coordinator", cluster.address)
            #expect(text.output.hasPrefix("job-1  finished  round 3/3  2 agents"))
        }
    }
}
