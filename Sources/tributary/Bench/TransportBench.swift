// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Rounds

extension BenchCommand {
    /// Moves a large model down and up.
    struct Transport: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Time rounds that move a large model down to each agent and an update of the same size up.",
            discussion: """
                Starts a coordinator and agents as processes. Nothing is trained, everything else is a real
                round: download, digest, upload, spool, checks, fold, checkpoint, journal. The first round
                also makes the memory and files that later ones use again.

                Example: tributary bench transport --megabytes 500 --agents 1
                """
        )

        @Option(help: "The size of the model in MB (10^6 bytes).") var megabytes = 100.0
        @Option(help: "The number of agents.") var agents = 2
        @Option(help: "The number of rounds.") var rounds = 8
        @Flag(help: "Print one JSON object.") var json = false

        func run() async throws {
            try await Failure.reporting {
                let run = try await NoTrainingRun(
                    elements: max(1, Int(megabytes * 1e6 / 4)),
                    agents: agents,
                    rounds: rounds
                ).run()
                // After the run: a process's peak counts what its parent held when it was started.
                let copy = Baseline.memoryCopy()
                let plain = try Baseline.plainTCP()
                let moved = megabytes * 1e6 * Double(2 * agents)
                let median = Statistics.quantile(run.steady, 0.5)
                let record = Record(
                    megabytes: megabytes,
                    agents: agents,
                    rounds: rounds,
                    firstRoundSeconds: run.roundSeconds.first ?? 0,
                    medianSeconds: median,
                    bestSeconds: run.steady.min() ?? 0,
                    worstSeconds: run.steady.max() ?? 0,
                    gigabytesPerSecond: moved / median / 1e9,
                    memcpyGigabytesPerSecond: copy / 1e9,
                    plainTCPGigabytesPerSecond: plain / 1e9,
                    shareOfPlainTCP: moved / median / plain,
                    coordinatorPeakMegabytes: run.coordinatorPeakMegabytes,
                    agentPeakMegabytes: run.agentPeakMegabytes
                )
                Console.print(json ? try Format.json(record) : record.text)
            }
        }

        private struct Record: Encodable {
            let megabytes: Double
            let agents: Int
            let rounds: Int
            let firstRoundSeconds: Double
            let medianSeconds: Double
            let bestSeconds: Double
            let worstSeconds: Double
            let gigabytesPerSecond: Double
            let memcpyGigabytesPerSecond: Double
            let plainTCPGigabytesPerSecond: Double
            let shareOfPlainTCP: Double
            let coordinatorPeakMegabytes: Double
            let agentPeakMegabytes: Double

            private enum CodingKeys: String, CodingKey {
                case megabytes, agents, rounds
                case firstRoundSeconds = "first_round_s"
                case medianSeconds = "median_round_s"
                case bestSeconds = "best_round_s"
                case worstSeconds = "worst_round_s"
                case gigabytesPerSecond = "moved_gb_per_s"
                case memcpyGigabytesPerSecond = "memcpy_gb_per_s"
                case plainTCPGigabytesPerSecond = "plain_tcp_gb_per_s"
                case shareOfPlainTCP = "share_of_plain_tcp"
                case coordinatorPeakMegabytes = "coordinator_peak_mb"
                case agentPeakMegabytes = "agent_peak_mb"
            }

            var text: String {
                """
                \(Format.decimals(megabytes, 1)) MB down and up, \(agents) agents, \(rounds) rounds
                  round          \(Format.decimals(medianSeconds, 3)) s median, \
                \(Format.decimals(bestSeconds, 3)) best, \
                \(Format.decimals(worstSeconds, 3)) worst; first \(Format.decimals(firstRoundSeconds, 3)) s
                  moved          \(Format.decimals(gigabytesPerSecond, 2)) GB/s, \
                \(Format.decimals(100 * shareOfPlainTCP, 0)) % of plain TCP
                  plain TCP      \(Format.decimals(plainTCPGigabytesPerSecond, 2)) GB/s
                  memcpy         \(Format.decimals(memcpyGigabytesPerSecond, 2)) GB/s
                  peak memory    coordinator \(Format.decimals(coordinatorPeakMegabytes, 0)) MB, \
                agent \(Format.decimals(agentPeakMegabytes, 0)) MB
                """
            }
        }
    }
}
