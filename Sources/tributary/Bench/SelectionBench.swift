// SPDX-License-Identifier: Apache-2.0

import Adaptation
import ArgumentParser
import Glibc
import Learning
import ModelState
import Randomness
import Rounds
import Selection

extension BenchCommand {
    /// Times what choosing samples costs a device.
    struct Choosing: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "selection",
            abstract: "Time scores beside inference, and the choice of 1 % of a long stream of scores.",
            discussion: "Example: tributary bench selection --samples 1000000 --rate 0.01"
        )

        @Option(help: "The scores of the stream.") var samples = 1_000_000
        @Option(help: "The fraction that is selected.") var rate = 0.01
        @Option(help: "Last-layer passes.") var passes = 10
        @Option(help: "Images of a batch.") var batch = 32
        @Option(help: "Batches of a measurement.") var batches = 20
        @Flag(help: "Print a JSON object a line.") var json = false

        func validate() throws {
            guard samples > 0, passes > 0, batch > 1, batches > 0, (0...1).contains(rate) else {
                throw ValidationError("samples, passes and batches are positive, a batch is 2 or more, a rate 0 to 1")
            }
        }

        func run() async throws {
            try await Failure.reporting {
                for score in [UncertaintyScore.margin, .entropy, .mutualInformation, .variance] { try time(score) }
                try timeStream()
            }
        }

        /// A score's cost for the device's model of the scenarios, images of 28 x 28 and ten classes.
        private func time(_ score: UncertaintyScore) throws {
            let model = try ModelArchitecture(
                ModelSpecification(kind: "small-cnn", input: [28, 28], classes: 10, settings: ["dropout": 0])
            )
            let source = model.initialParameters(seed: Seed(1))
            let device = try DeviceModel(model: model, source: source, layout: DeltaLayout(model.layout, parts: []))
            let scorer = try DeviceScorer(score, temperature: 1.5, model: model, passCount: passes)
            let statistics = [Float](repeating: 0, count: device.statistics.count)
            let state = AdaptationState(prompt: nil, delta: [])
            var generator = SeededGenerator(seed: Seed(2))
            let images = (0..<(batch * model.inputCount)).map { _ in generator.uniformFloat() }
            let answer = try device.answer(images, in: state, statistics: statistics)
            let inference = try Stopwatch.best(of: 5) {
                for _ in 0..<batches { _ = try device.answer(images, in: state, statistics: statistics) }
            }
            var checksum = 0.0
            let scoring = try Stopwatch.best(of: 5) {
                for number in 0..<batches {
                    let scores = try scorer.scores(
                        logits: answer.logits,
                        features: answer.features,
                        parameters: device.parameters(of: state, statistics: statistics),
                        model: model,
                        seed: Seed(UInt64(number))
                    )
                    checksum += scores[0]
                }
            }
            precondition(checksum.isFinite, "scores of finite answers are finite")
            let imageCount = Double(batch * batches)
            let record = ScoreRecord(
                score: score.rawValue,
                passes: score.comparesPasses ? passes : 1,
                inferenceMicroseconds: inference / imageCount * 1e6,
                scoringMicroseconds: scoring / imageCount * 1e6,
                share: scoring / inference
            )
            Console.print(json ? try Format.json(record) : record.line)
        }

        /// A gate with all its parts over a stream of scores that were drawn before.
        private func timeStream() throws {
            var generator = SeededGenerator(seed: Seed(3))
            let scores = (0..<samples).map { _ in -Glibc.log(1 - generator.uniform()) }
            let early = min(samples, 100_000)
            var configuration = SampleGate.Configuration(rate: rate, reserve: 0.1)
            configuration.allowance = SampleGate.ByteAllowance(bytes: Int(rate * Double(samples)) * 784)
            var gate = try SampleGate(configuration, seed: Seed(4))
            let clock = ContinuousClock()
            var residentEarly = 0
            var seconds = 0.0
            for part in [0..<early, early..<samples] {
                let begin = clock.now
                for number in part { _ = gate.offer(score: scores[number], bytes: 784, at: Double(number) * 1e-3) }
                seconds += Format.number(clock.now - begin)
                if part.lowerBound == 0 { residentEarly = ProcessSample.read(getpid())?.residentKilobytes ?? 0 }
            }
            let record = StreamRecord(
                samples: samples,
                selected: gate.selectedCount,
                scoresPerSecond: Double(samples) / seconds,
                keptNumbers: gate.memory.memoryCapacity,
                residentKilobytesEarly: residentEarly,
                residentKilobytes: ProcessSample.read(getpid())?.residentKilobytes ?? 0
            )
            Console.print(json ? try Format.json(record) : record.line)
        }
    }
}

/// What a score costs beside an inference, for one image.
private struct ScoreRecord: Encodable {
    let score: String
    let passes: Int
    let inferenceMicroseconds: Double
    let scoringMicroseconds: Double
    let share: Double

    enum CodingKeys: String, CodingKey {
        case score, passes, share
        case inferenceMicroseconds = "inference_us"
        case scoringMicroseconds = "scoring_us"
    }

    var line: String {
        Format.column(score, 20, left: true) + Format.column("\(passes) passes", 12)
            + "  inference " + Format.column(Format.decimals(inferenceMicroseconds, 2), 8) + " us an image, score "
            + Format.column(Format.decimals(scoringMicroseconds, 2), 6) + " us, "
            + Format.decimals(100 * share, 1) + " %"
    }
}

/// What the choice of a stream's samples costs.
private struct StreamRecord: Encodable {
    let samples: Int
    let selected: Int
    let scoresPerSecond: Double
    let keptNumbers: Int
    let residentKilobytesEarly: Int
    let residentKilobytes: Int

    enum CodingKeys: String, CodingKey {
        case samples, selected
        case scoresPerSecond = "scores_per_s"
        case keptNumbers = "kept_numbers"
        case residentKilobytesEarly = "rss_kb_early"
        case residentKilobytes = "rss_kb"
    }

    var line: String {
        "stream of \(samples) scores: \(selected) selected, \(Format.decimals(scoresPerSecond / 1e6, 2)) M scores/s, "
            + "at most \(keptNumbers) numbers kept, resident \(residentKilobytesEarly) kB early, "
            + "\(residentKilobytes) kB at the end"
    }
}
