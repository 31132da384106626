// SPDX-License-Identifier: Apache-2.0

import Testing

/// A job as a job file, as a scenario file, and as the agents' `--data`.
struct TestJob: Sendable, CustomTestStringConvertible {
    var name = "integration"
    var seed = 11
    var rounds = 4
    var agents = 5
    var minimumAgents: Int?
    var model = "{kind: mlp, input: [28, 28], classes: 10, hidden: [32]}"
    var training = "{local_epochs: 1, batch_size: 16, learning_rate: 0.1}"
    var round = "{cohort: 0}"
    var data = "glyphs?samples=500&test=100"
    var split: String?
    var further = ""

    var testDescription: String { name }

    /// The job file.
    var file: String {
        """
        name: \(name)
        seed: \(seed)
        rounds: \(rounds)
        minimum_agents: \(minimumAgents ?? agents)
        model: \(model)
        training: \(training)
        round: \(round)
        \(further)

        """
    }

    /// The scenario file of the same job.
    var scenario: String {
        file + "clients: \(agents)\ndata: \(data)\n" + (split.map { "split: \($0)\n" } ?? "")
    }

    /// The names of its agents.
    var agentNames: [String] { (1...agents).map { "agent-\($0)" } }

    /// What an agent trains on.
    func data(of agent: String) -> String {
        let number = agentNames.firstIndex(of: agent).map { $0 + 1 } ?? 1
        return "\(data)&part=\(number)/\(agents)" + (split.map { "&split=\($0)" } ?? "")
    }
}
