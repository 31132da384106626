// SPDX-License-Identifier: Apache-2.0

extension JobSpecification {
    /// How updates are combined: pre-aggregators, then a rule, then a server optimizer.
    public struct Strategy: Hashable, Sendable, Codable {
        /// The name of the method that filled in what the job file left open; nil for none. See ``StrategyPreset``.
        public var preset: String?
        /// The aggregation rule's name.
        public var rule: String
        /// The pre-aggregators' names, the first applied first.
        public var pre: [String]
        /// The server optimizer's name.
        public var optimizer: String
        /// The factor on the change before it is added to the model.
        public var serverLearningRate: Double
        /// The rounds in which the local learning rate rises linearly to its value; 0 for none. In round r (from 1) it
        /// is multiplied by `min(1, local epochs * (r - 1) / rounds)`, as FedLD's released code does with 5: its first
        /// round moves nothing.
        public var warmUpRounds: Int
        /// Further numbers that rule, pre-aggregators and optimizer understand, by name; `part.key` for one part alone.
        public var settings: [String: Double]

        /// Creates a strategy.
        public init(
            preset: String? = nil,
            rule: String = "fedavg",
            pre: [String] = [],
            optimizer: String = "plain",
            serverLearningRate: Double = 1,
            warmUpRounds: Int = 0,
            settings: [String: Double] = [:]
        ) {
            self.preset = preset
            self.rule = rule
            self.pre = pre
            self.optimizer = optimizer
            self.serverLearningRate = serverLearningRate
            self.warmUpRounds = warmUpRounds
            self.settings = settings
        }

        private enum CodingKeys: String, CodingKey, CaseIterable {
            case preset
            case rule
            case pre
            case optimizer
            case serverLearningRate = "server_learning_rate"
            case warmUpRounds = "warm_up_rounds"
            case settings
        }

        /// Reads the `strategy:` part of a job file: a mapping, or the name of a method (`strategy: fedld`).
        public init(from decoder: any Decoder) throws {
            if let single = try? decoder.singleValueContainer(), let name = try? single.decode(String.self) {
                self.init(preset: name)
                try fill(given: [])
                return
            }
            let file = try StrictContainer(decoder, known: CodingKeys.allCases.map(\.rawValue))
            self.init(preset: try file.optional("preset"))
            rule = try file.value("rule", default: "fedavg")
            pre = try file.value("pre", default: [])
            optimizer = try file.value("optimizer", default: "plain")
            serverLearningRate = try file.value("server_learning_rate", default: 1)
            warmUpRounds = try file.value("warm_up_rounds", default: 0)
            settings = try file.value("settings", default: [:])
            let isPositive = serverLearningRate > 0 && serverLearningRate.isFinite
            try file.check(isPositive, "server_learning_rate", "a positive number")
            try file.check(warmUpRounds >= 0 && warmUpRounds <= 1 << 30, "warm_up_rounds", "0 (none) or more")
            let given = try ["rule", "optimizer"].filter { try file.optional($0) as String? != nil }
            try fill(given: given)
        }

        /// Writes all keys; the preset's parts are written out, so that reading again gives the same.
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encodeIfPresent(preset, forKey: .preset)
            try container.encode(rule, forKey: .rule)
            try container.encode(pre, forKey: .pre)
            try container.encode(optimizer, forKey: .optimizer)
            try container.encode(serverLearningRate, forKey: .serverLearningRate)
            try container.encode(warmUpRounds, forKey: .warmUpRounds)
            try container.encode(settings, forKey: .settings)
        }

        /// Takes the server's half of the preset for what was not given.
        private mutating func fill(given: [String]) throws {
            guard let preset else { return }
            guard let method = StrategyPreset.named(preset) else {
                let known = StrategyPreset.all.map(\.name).joined(separator: ", ")
                throw SpecificationError(
                    .invalidValue,
                    "no method is named '\(preset.prefix(64))' (key 'strategy'); known: \(known), "
                        + "and the rules of 'tributary aggregate --help' under strategy.rule"
                )
            }
            if !given.contains("rule") { rule = method.rule }
            if !given.contains("optimizer") { optimizer = method.optimizer }
            settings.merge(method.serverSettings) { given, _ in given }
        }

        /// Takes the clients' half of the preset for what the job file does not say.
        ///
        /// A setting of that half may stand beside the method's name, `{preset: fedprox, settings: {proximal_mu: 1}}`:
        /// whoever tunes a method need not know which half reads it.
        mutating func complete(_ training: inout TrainingSpecification) throws {
            guard let preset, let method = StrategyPreset.named(preset) else { return }
            for key in method.clientSettings.keys where method.serverSettings[key] == nil {
                guard let value = settings.removeValue(forKey: key) else { continue }
                if training.settings[key] == nil { training.settings[key] = value }
            }
            training.settings.merge(method.clientSettings) { given, _ in given }
            if method.takesLocalLearningRate, settings["\(rule).lr"] == nil, settings["lr"] == nil {
                settings["\(rule).lr"] = training.learningRate
            }
        }
    }
}
