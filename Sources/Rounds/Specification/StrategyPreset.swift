// SPDX-License-Identifier: Apache-2.0

/// A method of federated learning by its name in the literature: what it sets on the server and on the clients.
///
/// A job file's `strategy: fedld` is short for all of it; keys that the file gives itself win.
public struct StrategyPreset: Sendable {
    /// The name as users write it.
    public let name: String
    /// The aggregation rule.
    public let rule: String
    /// The server optimizer.
    public let optimizer: String
    /// Settings of the rule and the optimizer.
    public let serverSettings: [String: Double]
    /// Settings under `training.settings`.
    public let clientSettings: [String: Double]
    /// Whether the rule's `lr` is the clients' learning rate.
    let takesLocalLearningRate: Bool

    private init(
        _ name: String,
        rule: String = "fedavg",
        optimizer: String = "plain",
        server: [String: Double] = [:],
        clients: [String: Double] = [:],
        takesLocalLearningRate: Bool = false
    ) {
        self.name = name
        self.rule = rule
        self.optimizer = optimizer
        serverSettings = server
        clientSettings = clients
        self.takesLocalLearningRate = takesLocalLearningRate
    }

    /// The methods, in the order in which they are listed to users.
    public static let all: [StrategyPreset] = [
        StrategyPreset("fedavg"),
        StrategyPreset("fedavgm", optimizer: "fedavgm"),
        StrategyPreset("fedadagrad", optimizer: "fedadagrad"),
        StrategyPreset("fedadam", optimizer: "fedadam"),
        StrategyPreset("fedyogi", optimizer: "fedyogi"),
        StrategyPreset("fedexp", optimizer: "fedexp"),
        StrategyPreset("fednova", rule: "fednova"),
        StrategyPreset(
            "q-fedavg",
            rule: "q-fedavg",
            server: ["q": 1],
            clients: ["report_initial_loss": 1],
            takesLocalLearningRate: true
        ),
        StrategyPreset("fedbuff", rule: "fedbuff"),
        StrategyPreset("fedasync", rule: "fedasync"),
        StrategyPreset("co2", optimizer: "co2", server: ["uniform": 1, "gap": 1]),
        StrategyPreset("fedhyper-g", optimizer: "fedhyper-g", server: ["uniform": 1]),
        StrategyPreset("fedhyper-sl", optimizer: "fedhyper-sl", server: ["uniform": 1]),
        StrategyPreset("fedhyper-cl", server: ["uniform": 1], clients: ["hypergradient": 1]),
        StrategyPreset("fedprox", clients: ["proximal_mu": 0.01]),
        StrategyPreset("scaffold", server: ["uniform": 1], clients: ["scaffold": 1]),
        StrategyPreset("feddyn", optimizer: "feddyn", server: ["uniform": 1], clients: ["dynamic_alpha": 0.01]),
        StrategyPreset("moon", clients: ["moon_mu": 1, "moon_temperature": 0.5]),
        StrategyPreset("fedsam", clients: ["sam_rho": 0.05]),
        StrategyPreset("fedlc", clients: ["calibration_tau": 1]),
        StrategyPreset("fedbn", clients: ["local_normalisation": 1]),
        StrategyPreset("ditto", clients: ["personal_lambda": 1]),
        StrategyPreset("fedossl", server: ["uniform": 1], clients: ["fedossl": 1]),
        StrategyPreset("fedld", rule: "fedld", clients: ["margin_lambda": 0.03]),
        StrategyPreset("fedld-margin", clients: ["margin_lambda": 0.03]),
        StrategyPreset("fedld-aggregation", rule: "fedld"),
    ]

    /// The method of a name; nil for an unknown one.
    public static func named(_ name: String) -> StrategyPreset? { all.first { $0.name == name } }
}
