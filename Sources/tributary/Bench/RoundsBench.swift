// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

extension BenchCommand {
    /// Times small rounds.
    struct Rounds: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Time rounds of a small model without training: what a round costs beyond the training.",
            discussion: "Example: tributary bench rounds --agents 10 --kilobytes 10 --rounds 500"
        )

        @Option(help: "The size of the model in kB (10^3 bytes).") var kilobytes = 10.0
        @Option(help: "The number of agents.") var agents = 10
        @Option(help: "The number of rounds.") var rounds = 500
        @Flag(help: "Print one JSON object.") var json = false

        func run() async throws {
            try await Failure.reporting {
                let result = try await NoTrainingRun(
                    elements: max(1, Int(kilobytes * 1e3 / 4)),
                    agents: agents,
                    rounds: rounds
                ).run()
                // After the run: a process's peak counts what its parent held when it was started.
                let copy = Baseline.memoryCopy()
                let record = Record(
                    kilobytes: kilobytes,
                    agents: agents,
                    rounds: rounds,
                    medianMilliseconds: 1e3 * Statistics.quantile(result.steady, 0.5),
                    p99Milliseconds: 1e3 * Statistics.quantile(result.steady, 0.99),
                    worstMilliseconds: 1e3 * (result.steady.max() ?? 0),
                    coordinatorPeakMegabytes: result.coordinatorPeakMegabytes,
                    agentPeakMegabytes: result.agentPeakMegabytes,
                    memcpyGigabytesPerSecond: copy / 1e9
                )
                Console.print(json ? try Format.json(record) : record.text)
            }
        }

        private struct Record: Encodable {
            let kilobytes: Double
            let agents: Int
            let rounds: Int
            let medianMilliseconds: Double
            let p99Milliseconds: Double
            let worstMilliseconds: Double
            let coordinatorPeakMegabytes: Double
            let agentPeakMegabytes: Double
            let memcpyGigabytesPerSecond: Double

            private enum CodingKeys: String, CodingKey {
                case kilobytes, agents, rounds
                case medianMilliseconds = "median_round_ms"
                case p99Milliseconds = "p99_round_ms"
                case worstMilliseconds = "worst_round_ms"
                case coordinatorPeakMegabytes = "coordinator_peak_mb"
                case agentPeakMegabytes = "agent_peak_mb"
                case memcpyGigabytesPerSecond = "memcpy_gb_per_s"
            }

            var text: String {
                """
                \(Format.decimals(kilobytes, 1)) kB model, \(agents) agents, \(rounds) rounds without training
                  round          \(Format.decimals(medianMilliseconds, 2)) ms median, \
                \(Format.decimals(p99Milliseconds, 2)) ms p99, \(Format.decimals(worstMilliseconds, 2)) ms worst
                  peak memory    coordinator \(Format.decimals(coordinatorPeakMegabytes, 1)) MB, \
                agent \(Format.decimals(agentPeakMegabytes, 1)) MB
                  memcpy         \(Format.decimals(memcpyGigabytesPerSecond, 2)) GB/s
                """
            }
        }
    }
}
