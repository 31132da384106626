// SPDX-License-Identifier: Apache-2.0

internal import Learning
internal import Rounds
internal import Selection

/// The parts of a scenario file, each with the keys that it knows.
extension AdaptationScenario.Training {
    struct Fields: Decodable {
        var training: AdaptationScenario.Training

        init(_ training: AdaptationScenario.Training) { self.training = training }

        init(from decoder: any Decoder) throws {
            let file = try StrictContainer(
                decoder,
                known: ["model", "samples", "epochs", "learning_rate", "corrupted_fraction"]
            )
            training = AdaptationScenario.Training(
                model: try file.value("model", default: ModelSpecification(kind: "small-cnn")),
                samples: try file.value("samples", default: 20_000),
                epochs: try file.value("epochs", default: 3),
                learningRate: try file.value("learning_rate", default: 0.02),
                corruptedFraction: try file.value("corrupted_fraction", default: 0)
            )
            try file.check(training.samples >= 16, "samples", "16 or more")
            try file.check((1...10_000).contains(training.epochs), "epochs", "between 1 and 10000")
            try file.check(
                training.learningRate > 0 && training.learningRate.isFinite,
                "learning_rate",
                "a positive number"
            )
            try file.check((0...1).contains(training.corruptedFraction), "corrupted_fraction", "between 0 and 1")
        }
    }
}

extension AdaptationScenario.Streams {
    struct Fields: Decodable {
        var streams = AdaptationScenario(data: []).streams

        init() {}
        init(from decoder: any Decoder) throws {
            let file = try StrictContainer(
                decoder,
                known: ["corruptions", "strengths", "samples_per_phase", "cycles", "gradual", "batch_size"]
            )
            if let names: [String] = try file.optional("corruptions") {
                streams.corruptions = try names.map { name in
                    try Scenarios.value { try ImageCorruption(parsing: name) }
                }
            }
            streams.strengths = try file.value("strengths", default: streams.strengths)
            streams.samplesPerPhase = try file.value("samples_per_phase", default: streams.samplesPerPhase)
            streams.cycles = try file.value("cycles", default: streams.cycles)
            streams.isGradual = try file.value("gradual", default: streams.isGradual)
            streams.batchSize = try file.value("batch_size", default: streams.batchSize)
            try file.check(!streams.corruptions.isEmpty, "corruptions", "a list of corruptions")
            try file.check(
                !streams.strengths.isEmpty && streams.strengths.allSatisfy(ImageCorruption.strengths.contains),
                "strengths",
                "a list of numbers from 1 to 5"
            )
            try file.check((1...1_000_000).contains(streams.samplesPerPhase), "samples_per_phase", "1 to 1000000")
            try file.check((1...1_000).contains(streams.cycles), "cycles", "between 1 and 1000")
            try file.check((2...4_096).contains(streams.batchSize), "batch_size", "between 2 and 4096")
        }
    }
}

/// The `cloud:` part.
struct CloudFields: Decodable {
    var configuration = CloudConfiguration()

    init() {}
    init(from decoder: any Decoder) throws {
        let file = try StrictContainer(
            decoder,
            known: [
                "confidence_floor", "alignment", "steps", "batch_size", "prompt_rate", "delta_rate", "memory",
                "uncertainty_threshold", "environments", "teacher_rate", "teacher_decay", "averaging",
            ]
        )
        configuration.confidenceFloor = try file.value("confidence_floor", default: configuration.confidenceFloor)
        configuration.alignment = try file.value("alignment", default: configuration.alignment)
        configuration.steps = try file.value("steps", default: configuration.steps)
        configuration.batchSize = try file.value("batch_size", default: configuration.batchSize)
        configuration.promptRate = try file.value("prompt_rate", default: configuration.promptRate)
        configuration.deltaRate = try file.value("delta_rate", default: configuration.deltaRate)
        configuration.memory = try file.value("memory", default: configuration.memory)
        configuration.uncertaintyThreshold = try file.value(
            "uncertainty_threshold",
            default: configuration.uncertaintyThreshold
        )
        configuration.environments = try file.value("environments", default: configuration.environments)
        configuration.teacherRate = try file.value("teacher_rate", default: configuration.teacherRate)
        configuration.teacherDecay = try file.value("teacher_decay", default: configuration.teacherDecay)
        configuration.averaging = try file.value("averaging", default: configuration.averaging)
        try Scenarios.value { try configuration.validate() }
    }
}
