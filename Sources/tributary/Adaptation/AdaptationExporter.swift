// SPDX-License-Identifier: Apache-2.0

import Adaptation
import FoundationEssentials
import Learning
import ModelState
import Rounds
import Yams

/// Writes what a scenario's devices and cloud begin with, so that the same can be run over a network:
///
///     DIR/DATA-seed-N/source.safetensors  teacher.safetensors  job.yaml  policy.yaml
///                     train-images-idx3-ubyte (the device's held-out clean samples)
///                     t10k-images-idx3-ubyte (the stream)
struct AdaptationExporter {
    let scenario: AdaptationScenario
    /// The scenario's file as it was read.
    let node: Node
    let folder: String
    let isQuiet: Bool

    func run() throws {
        for data in scenario.data {
            for seed in scenario.seeds {
                let export = try AdaptationExport(scenario, data: data, seed: seed)
                let path = try write(export)
                if !isQuiet { Console.error("wrote \(path)") }
            }
        }
    }

    private func write(_ export: AdaptationExport) throws -> String {
        let name = export.data.split(whereSeparator: { "/:?".contains($0) }).last.map(String.init) ?? "data"
        let path = "\(folder)/\(name)-seed-\(export.seed)"
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw Failure(.storage, "the folder \(path) cannot be made: \(error)")
        }
        let models = [
            ("source", export.source, export.layouts.device),
            ("teacher", export.teacherParameters, export.layouts.teacher),
        ]
        for (name, parameters, layout) in models {
            try ModelFile.write(parameters, layout: layout, to: "\(path)/\(name).safetensors", name: name)
        }
        let parts = [("train", export.heldOut), ("t10k", export.stream)]
        for (name, table) in parts {
            try OutputFile.write(table.idxImages, to: "\(path)/\(name)-images-idx3-ubyte")
            try OutputFile.write(table.idxLabels, to: "\(path)/\(name)-labels-idx1-ubyte")
        }
        try OutputFile.write(try job(export, path), to: "\(path)/job.yaml")
        try OutputFile.write(Self.policy(scenario.name), to: "\(path)/policy.yaml")
        return path
    }

    /// The job: the scenario's own settings, with the files' names.
    private func job(_ export: AdaptationExport, _ path: String) throws -> String {
        var part = Node.Mapping([
            (Node("source"), Node("\(path)/source.safetensors")),
            (
                Node("teacher"),
                Node.mapping(
                    Node.Mapping([
                        (Node("model"), try Self.node(export.teacher)),
                        (Node("parameters"), Node("\(path)/teacher.safetensors")),
                    ])
                )
            ),
        ])
        let kept = [
            "upload", "cloud", "prompt", "delta", "environments", "rollback_tolerance", "calibration", "coding",
        ]
        for key in kept { if let value = node[AdaptationScenario.key]?[key] { part[Node(key)] = value } }
        part[Node("batch_size")] = Node("\(scenario.streams.batchSize)", Tag(.int))
        let job = Node.Mapping([
            (Node("name"), Node(scenario.name)), (Node("seed"), Node("\(export.seed)", Tag(.int))),
            (Node("model"), try Self.node(export.device)), (Node("adaptation"), .mapping(part)),
        ])
        return try Yams.serialize(node: .mapping(job))
    }

    private static func node(_ model: ModelSpecification) throws -> Node {
        guard let node = try Yams.compose(yaml: try YAMLEncoder().encode(model)) else {
            throw Failure(.software, "a model cannot be written as YAML")
        }
        return node
    }

    private static func policy(_ name: String) -> String {
        """
        # What this site lets leave its devices. Without such a file nothing leaves.
        samples:
          jobs: ["\(name)"]
          fields: [pixels, uncertainty, statistics]
          bytes_per_day: 100000000
          until: 2099-12-31

        """
    }
}
