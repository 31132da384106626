// SPDX-License-Identifier: Apache-2.0

internal import Rounds
internal import Selection

/// The `upload:` part of a scenario file.
extension AdaptationScenario.Upload {
    struct Fields: Decodable {
        var upload = AdaptationScenario(data: []).upload

        init() {}
        init(from decoder: any Decoder) throws {
            let known = [
                "rate", "reserve", "score", "passes", "passes_by", "window", "choice", "budget", "drift", "novelty",
            ]
            let file = try StrictContainer(decoder, known: known)
            upload.rate = try file.value("rate", default: upload.rate)
            upload.reserve = try file.value("reserve", default: upload.reserve)
            upload.passes = try file.value("passes", default: upload.passes)
            upload.window = try file.value("window", default: upload.window)
            if let score: String = try file.optional("score") {
                upload.score = try Scenarios.value { try UncertaintyScore(parsing: score) }
            }
            try file.check((0...1).contains(upload.rate), "rate", "between 0 and 1")
            try file.check((0...1).contains(upload.reserve), "reserve", "between 0 and 1")
            try file.check((1...1_000).contains(upload.passes), "passes", "between 1 and 1000")
            try file.check((16...1_000_000).contains(upload.window), "window", "between 16 and 1000000")
            try file.check(!upload.score.needsTeacher, "score", "one that needs no teacher; the device has none")
            if let name: String = try file.optional("choice") {
                let choice = AdaptationScenario.Upload.Choice(rawValue: name)
                try file.check(choice != nil, "choice", "gate, knapsack, k-center or reservoir")
                upload.choice = choice ?? .gate
            }
            if let name: String = try file.optional("passes_by") {
                let passes = AdaptationScenario.Upload.Passes(rawValue: name)
                try file.check(passes != nil, "passes_by", "last-layer or augmentation")
                upload.passesBy = passes ?? .lastLayer
            }
            upload.budget = try (file.optional("budget") as BudgetFields?)?.budget
            upload.drift = try (file.optional("drift") as DriftFields?)?.configuration
            upload.novelty = try (file.optional("novelty") as NoveltyFields?)?.configuration
            try file.check(upload.novelty == nil || upload.choice == .gate, "novelty", "used with the choice gate")
        }
    }

    private struct BudgetFields: Decodable {
        let budget: Budget

        init(from decoder: any Decoder) throws {
            let file = try StrictContainer(decoder, known: ["bytes", "samples"])
            budget = Budget(bytes: try file.required("bytes"), samples: try file.required("samples"))
            try file.check((0...1 << 40).contains(budget.bytes), "bytes", "0 or more")
            try file.check((1...1_000_000_000).contains(budget.samples), "samples", "1 or more")
        }
    }

    private struct DriftFields: Decodable {
        var configuration = DriftDetector.Configuration()

        init(from decoder: any Decoder) throws {
            let file = try StrictContainer(decoder, known: ["fast", "slow", "open_above", "close_below", "warm_up"])
            configuration.fastWeight = try file.value("fast", default: configuration.fastWeight)
            configuration.slowWeight = try file.value("slow", default: configuration.slowWeight)
            configuration.openAbove = try file.value("open_above", default: configuration.openAbove)
            configuration.closeBelow = try file.value("close_below", default: configuration.closeBelow)
            configuration.warmUp = try file.value("warm_up", default: configuration.warmUp)
            _ = try Scenarios.value { try DriftDetector(configuration) }
        }
    }

    private struct NoveltyFields: Decodable {
        var configuration = NoveltyFilter.Configuration()

        init(from decoder: any Decoder) throws {
            let file = try StrictContainer(decoder, known: ["memory", "similarity"])
            configuration.memory = try file.value("memory", default: configuration.memory)
            configuration.similarity = try file.value("similarity", default: configuration.similarity)
            _ = try Scenarios.value { try NoveltyFilter(configuration) }
        }
    }
}
