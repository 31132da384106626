// SPDX-License-Identifier: Apache-2.0

import Digest
import Learning
import Reporting
import RoundWork
import Rounds
import Simulation
import Yams

/// The scenario that a sweep varies.
struct SweepScenario {
    /// A cell with the scenario that it makes.
    struct Job {
        let cell: SweepCell
        /// The scenario as a file.
        let text: String
        /// Names the settings, whatever the order of their keys.
        let identifier: String
        let name: String
    }

    let path: String
    private let node: Node

    /// Reads a scenario file.
    init(at path: String, overrides: [String]) throws {
        self.path = path
        node = try TextFile.node(at: path, overrides: overrides)
        _ = try job(SweepCell())
    }

    /// Names the scenario's content.
    var identifier: String { Self.identifier(node) }

    /// The job's name.
    var name: String { node["name"]?.string ?? "job" }

    /// Makes and checks a cell's scenario.
    func job(_ cell: SweepCell) throws -> Job {
        let place = cell.labels.isEmpty ? path : "\(path) with \(cell.description)"
        var node = node
        let scenario = try TextFile.reporting(place) {
            for setting in cell.settings { try TextFile.apply(setting.key, setting.text, to: &node) }
            if let seed = cell.seed { try TextFile.apply("seed", "\(seed)", to: &node) }
            node = ScenarioFile.completed(node)
            return try TextFile.decode(Scenario.self, from: node, path: place)
        }
        do {
            _ = try JobRecipe(scenario.job)
            _ = try DataSpecification(parsing: scenario.data)
        } catch {
            throw Failure(.badInput, "\(place): \(Failure(error).message)")
        }
        return Job(
            cell: cell,
            text: NodeText.file(node),
            identifier: Self.identifier(node),
            name: scenario.job.name
        )
    }

    /// Threads change nothing but the time.
    private static func identifier(_ node: Node) -> String {
        var node = node
        node = .mapping(
            Node.Mapping((node.mapping ?? [:]).filter { $0.key.string != "threads" }.map { ($0.key, $0.value) })
        )
        var text = Array(NodeText.canonical(node).utf8)
        text.append(0)
        return text.withUnsafeBytes { "\(BlobDigest(hashing: $0))" }
    }
}
