// SPDX-License-Identifier: Apache-2.0

import Agent
import ArgumentParser
import EventLoop
import Glibc
import Learning
import Ledger
import Logging
import Operations
import Randomness
import Rounds

extension BenchCommand {
    /// Holds many idle agents.
    struct Connections: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Hold many idle agents on one coordinator: memory and processor time of each.",
            discussion: """
                The coordinator is a process of its own; the agents are real agents that share one process, so that what
                is measured is the coordinator.

                Example: tributary bench connections --count 2000 --seconds 20
                """
        )

        @Option(help: "The number of agents.") var count = 2_000
        @Option(help: "How long they are held, in seconds.") var seconds = 20
        @Flag(help: "Print one JSON object.") var json = false

        func run() async throws {
            try await Failure.reporting {
                try FileLimit.raise(toAtLeast: count + 64)
                let federation = try LocalFederation()
                defer { federation.stop() }
                guard let before = federation.coordinator.sample else {
                    throw Failure(.software, "the coordinator ended at once; see \(federation.directory)")
                }
                let loop = EventLoop(name: "agents")
                try loop.start()
                let daemons = try start(on: loop, endpoint: federation.endpoint)
                let client = try await federation.client(on: loop)
                let connected = try await gathered(client)
                guard let begin = federation.coordinator.sample else {
                    throw Failure(.software, "the coordinator ended")
                }
                try await Task.sleep(for: .seconds(seconds))
                guard let end = federation.coordinator.sample else { throw Failure(.software, "the coordinator ended") }
                let held = Int(try await client.list().last?.connectedAgents ?? 0)
                await client.close()
                for daemon in daemons { await daemon.stop() }
                let record = Record(
                    connections: connected,
                    held: held,
                    seconds: seconds,
                    kilobytesEach: Double(end.residentKilobytes - before.residentKilobytes) / Double(count),
                    residentMegabytes: Double(end.residentKilobytes) / 1_024,
                    processorPercent: 100 * (end.processorSeconds - begin.processorSeconds) / Double(seconds)
                )
                Console.print(json ? try Format.json(record) : record.text)
            }
        }

        private func start(on loop: EventLoop, endpoint: TCPEndpoint) throws -> [AgentDaemon] {
            let memories = try AgentMemoryStore()
            let logger = Logger(label: "agents") { _ in SwiftLogNoOpLogHandler() }
            let data = Dataset(name: "none", train: nil, test: nil)
            return try (1...count).map { number in
                let configuration = AgentConfiguration(
                    agent: AgentID(number: number, of: count),
                    incarnation: UInt64(number),
                    patience: nil
                )
                let daemon = try AgentDaemon(
                    endpoint: endpoint,
                    configuration: configuration,
                    trainer: AgentTrainer(data: data, memories: memories),
                    outbox: MemoryOutbox(),
                    loop: loop,
                    seed: Seed(UInt64(number)),
                    logger: logger
                )
                Task(executorPreference: loop) { _ = await daemon.run() }
                return daemon
            }
        }

        /// Waits for all agents by a job of one empty round that needs them all.
        private func gathered(_ client: OperatorClient) async throws -> Int {
            let job = try await client.submit(
                JobSpecification(
                    name: "gather",
                    rounds: 1,
                    minimumAgents: count,
                    model: ModelSpecification(kind: "vector", elements: 1),
                    training: TrainingSpecification(trainer: "none"),
                    round: RoundPolicy(cohort: 1),
                    evaluateEvery: 0
                )
            ).job
            var last = 0
            for try await event in await client.watch(job) { last = Int(event.status.connectedAgents) }
            return last
        }

        private struct Record: Encodable {
            let connections: Int
            let held: Int
            let seconds: Int
            let kilobytesEach: Double
            let residentMegabytes: Double
            let processorPercent: Double

            private enum CodingKeys: String, CodingKey {
                case connections, held, seconds
                case kilobytesEach = "kib_each"
                case residentMegabytes = "coordinator_resident_mb"
                case processorPercent = "cpu_percent"
            }

            var text: String {
                """
                \(connections) agents connected, \(held) still there after \(seconds) s without a task
                  coordinator    \(Format.decimals(kilobytesEach, 1)) KiB each, \
                \(Format.decimals(residentMegabytes, 1)) MB in all
                  processor      \(Format.decimals(processorPercent, 2)) % of one core
                """
            }
        }
    }
}
