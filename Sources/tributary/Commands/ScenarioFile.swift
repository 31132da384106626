// SPDX-License-Identifier: Apache-2.0

import Simulation
import Yams

/// Reads scenario files.
enum ScenarioFile {
    /// Reads a scenario.
    ///
    /// - Parameter overrides: `key=value` or `part.key=value`, as `--set` has them.
    static func read(_ path: String, overrides: [String]) throws -> Scenario {
        try read(try TextFile.node(at: path, overrides: overrides), path: path)
    }

    /// Reads a scenario from what a file holds.
    static func read(_ node: Node, path: String) throws -> Scenario {
        try TextFile.decode(Scenario.self, from: completed(node), path: path)
    }

    /// Puts the job's seed where a text has `{seed}`: `glyphs?seed={seed}` is dealt anew for each seed.
    static func completed(_ node: Node) -> Node {
        replacing("{seed}", by: node["seed"]?.string ?? "1", in: node)
    }

    private static func replacing(_ placeholder: String, by text: String, in node: Node) -> Node {
        switch node {
        case .scalar(var scalar):
            guard scalar.string.contains(placeholder) else { return node }
            scalar.string = scalar.string.split(separator: placeholder, omittingEmptySubsequences: false)
                .joined(separator: text)
            return .scalar(scalar)
        case .sequence(let sequence):
            return .sequence(Node.Sequence(sequence.map { replacing(placeholder, by: text, in: $0) }))
        case .mapping(let mapping):
            return .mapping(Node.Mapping(mapping.map { ($0.key, replacing(placeholder, by: text, in: $0.value)) }))
        case .alias:
            return node
        }
    }
}
