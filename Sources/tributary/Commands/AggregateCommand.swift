// SPDX-License-Identifier: Apache-2.0

import Aggregation
import ArgumentParser
import Digest
import FoundationEssentials
import ModelState
import Randomness
import Rounds

/// Applies an aggregation rule to files.
struct AggregateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "aggregate",
        abstract: "Combine updates or models in safetensors files by any rule.",
        discussion: """
            Rules: \(AggregationRegistry.ruleNames.joined(separator: " "))
            Before a rule: \(AggregationRegistry.preAggregatorNames.joined(separator: " "))

            The files are read as the rule needs them; memory stays below one model and 256 MB. A file with a
            value that is infinite or not a number is left out, with a line that says so.

            Example: tributary aggregate --rule krum --pre nnm --set f=2 --output out.safetensors \
            a.safetensors b.safetensors             c.safetensors d.safetensors e.safetensors

            Exit codes: 0 done; 65 the rule cannot work with these files; 66 a file cannot be read; 74 the
            output cannot be written.
            """
    )

    @Option(help: "The rule.") var rule = "fedavg"
    @Option(help: ArgumentHelp("A pre-aggregator; may be repeated, the first is applied first.", valueName: "rule"))
    var pre: [String] = []
    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("A number of the rule: f=2; may be repeated.", valueName: "key=value")
    )
    var settings: [String] = []
    @Option(help: ArgumentHelp("The inputs' weights, separated by commas; equal without.", valueName: "numbers"))
    var weights: String?
    @Option(help: "The seed of rules that draw at random.") var seed: UInt64 = 0
    @Option(help: "Threads; 0 for one a core.") var threads = 0
    @Option(help: ArgumentHelp("The file to write.", valueName: "file")) var output: String
    @Flag(help: "Print one JSON object.") var json = false
    @Argument(help: "Safetensors files with the same tensors.") var inputs: [String]

    func run() async throws {
        try await Failure.reporting {
            let clock = ContinuousClock()
            let begin = clock.now
            let engine = threads > 0 ? AggregationEngine(threadCount: threads) : AggregationEngine()
            let combined = try AggregationRegistry.rule(
                named: rule,
                settings: try parsedSettings(),
                pre: pre,
                seed: Seed(seed),
                engine: engine
            )
            let all = try ModelFileUpdates(paths: inputs, weights: try parsedWeights())
            let (digest, dropped) = try combine(all, by: combined, engine)
            for index in dropped {
                Console.error("! '\(inputs[index])' has values that are not finite and is left out")
            }
            let record = Record(
                rule: combined.name,
                inputs: inputs.count,
                dropped: dropped.map { inputs[$0] },
                elements: all.layout.elementCount,
                seconds: Format.number(clock.now - begin),
                digest: "\(digest)",
                output: output
            )
            Console.print(json ? try Format.json(record) : record.text)
        }
    }

    /// Combines the updates, without those that have values that are not finite, and writes the output as it comes.
    ///
    /// A mean of such an update is not finite itself, so the mean needs no search before it: files are read once.
    private func combine(
        _ updates: ModelFileUpdates,
        by rule: any AggregationRule,
        _ engine: AggregationEngine
    ) throws -> (BlobDigest, dropped: [Int]) {
        if self.rule == "fedavg", pre.isEmpty {
            do {
                return (try write(rule, of: updates, layout: updates.layout), [])
            } catch let error as AggregationError where error.code == .notFinite {
                // The mean shows that there is such an update, the screening below shows which.
            }
        }
        let screened = try FiniteUpdates(screening: updates, engine: engine)
        return (try write(rule, of: screened.updates, layout: updates.layout), screened.dropped)
    }

    private func write(
        _ rule: any AggregationRule,
        of updates: any UpdateSet,
        layout: TensorLayout
    ) throws -> BlobDigest {
        let file = try ModelFile.writer(layout: layout, to: output, name: rule.name)
        let hasher = BlobHasher()
        var block: [Float] = []
        try rule.aggregate(updates) { _, values in
            if block.count != values.count { block = [Float](repeating: 0, count: values.count) }
            try block.withUnsafeMutableBufferPointer { block in
                for index in values.indices { block[index] = Float(values[index]) }
                let elements = UnsafeBufferPointer(block)
                hasher.update(UnsafeRawBufferPointer(elements))
                try ModelFile.reporting { () throws(ModelStateError) in try file.append(elements) }
            }
        }
        try ModelFile.reporting { () throws(ModelStateError) in try file.finish() }
        return hasher.digest
    }

    private func parsedSettings() throws -> [String: Double] {
        var parsed: [String: Double] = [:]
        for setting in settings {
            let parts = setting.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let value = Double(parts[1]) else {
                throw ValidationError("--set takes key=number, not '\(setting)'")
            }
            parsed[parts[0]] = value
        }
        return parsed
    }

    private func parsedWeights() throws -> [Double] {
        guard let weights else { return [] }
        return try weights.split(separator: ",").map {
            guard let weight = Double($0), weight > 0, weight.isFinite else {
                throw Failure(.badInput, "--weights takes positive numbers separated by commas, not '\($0)'")
            }
            return weight
        }
    }

    private struct Record: Encodable {
        let rule: String
        let inputs: Int
        let dropped: [String]
        let elements: Int
        let seconds: Double
        let digest: String
        let output: String

        var text: String {
            "\(rule) of \(inputs - dropped.count) files, \(elements) elements, "
                + "in \(Format.decimals(seconds, 3)) s: \(output)"
        }
    }
}
