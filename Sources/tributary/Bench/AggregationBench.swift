// SPDX-License-Identifier: Apache-2.0

import Aggregation
import ArgumentParser
import ModelState
import Randomness

extension BenchCommand {
    /// Times aggregation rules.
    struct Rules: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "aggregation",
            abstract: "Time aggregation rules on updates in memory, beside reading them once.",
            discussion: "Example: tributary bench aggregation --updates 20 --coordinates 1000000 --faulty 4"
        )

        @Option(help: "The number of updates.") var updates = 20
        @Option(help: "The coordinates of each.") var coordinates = 1_000_000
        @Option(help: "The number of faulty clients that the rules tolerate.") var faulty = 4
        @Option(help: "Threads; 0 for one a core.") var threads = 0
        @Option(help: "Runs of each rule.") var repetitions = 5
        @Flag(help: "Print a JSON object a line.") var json = false

        private static let rules: [(name: String, pre: [String])] = [
            ("fedavg", []), ("krum", []), ("multi-krum", []), ("median", []), ("trimmed-mean", []), ("meamed", []),
            ("geometric-median", []), ("centered-clipping", []), ("caf", []), ("fedavg", ["nnm"]),
            ("krum", ["nnm"]), ("geometric-median", ["nnm"]), ("fedld", []),
        ]

        func run() async throws {
            try await Failure.reporting {
                let engine = threads > 0 ? AggregationEngine(threadCount: threads) : AggregationEngine()
                let set = try randomUpdates()
                let reading = Stopwatch.best(of: repetitions) { _ = set.updates.reduce(0) { $0 + $1.squaredNorm } }
                if !json {
                    Console.print("\(updates) x \(coordinates): reading all once takes \(milliseconds(reading)) ms")
                }
                for (name, pre) in Self.rules { try time(name, pre, set, engine) }
            }
        }

        private func randomUpdates() throws -> MemoryUpdateSet {
            let layout = try TensorLayout([.init(name: "weight", shape: [coordinates])])
            let vectors = (0..<updates).map { number in
                var generator = SeededGenerator(seed: Seed(UInt64(number)))
                var vector = ParameterVector(zeros: coordinates)
                vector.withMutableElements { for index in $0.indices { $0[index] = generator.uniformFloat() - 0.5 } }
                return vector
            }
            return try MemoryUpdateSet(layout: layout, updates: vectors)
        }

        private func time(_ name: String, _ pre: [String], _ set: MemoryUpdateSet, _ engine: AggregationEngine) throws {
            let takesFaulty = AggregationRegistry.settingNames(of: name)?.contains("f") ?? false
            var settings: [String: Double] = takesFaulty ? ["f": Double(faulty)] : [:]
            for part in pre { settings["\(part).f"] = Double(faulty) }
            let rule = try AggregationRegistry.rule(named: name, settings: settings, pre: pre, engine: engine)
            var checksum = 0.0
            let seconds = try Stopwatch.best(of: repetitions) {
                try rule.aggregate(set) { _, values in checksum += values.first ?? 0 }
            }
            let label = (pre + [name]).joined(separator: " + ")
            struct Record: Encodable {
                let rule: String
                let milliseconds: Double
            }
            let record = Record(rule: label, milliseconds: seconds * 1e3)
            let line = Format.column(label, 32, left: true) + Format.column(milliseconds(seconds), 10) + " ms"
            Console.print(json ? try Format.json(record) : line)
        }

        private func milliseconds(_ seconds: Double) -> String { Format.decimals(seconds * 1e3, 2) }
    }
}
