// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Rounds
import Yams

/// Reads YAML files, with overrides from the command line.
enum TextFile {
    /// The text of a file.
    static func read(_ path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(.noInput, "'\(path)' cannot be read; check the path and its permissions")
        }
        guard data.count <= Limits.jobFileBytes else {
            throw Failure(.badInput, "'\(path)' has \(data.count) bytes; at most \(Limits.jobFileBytes) are read")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw Failure(.badInput, "'\(path)' is not UTF-8 text")
        }
        return text
    }

    /// Decodes a YAML file.
    ///
    /// - Parameter overrides: `key=value` or `part.key=value`, as `--set` has them.
    static func decode<Value: Decodable>(
        _ type: Value.Type,
        at path: String,
        overrides: [String] = []
    ) throws -> Value {
        try decode(type, from: try node(at: path, overrides: overrides), path: path)
    }

    /// The mapping of keys to values that a YAML file is.
    ///
    /// - Parameter overrides: `key=value` or `part.key=value`, as `--set` has them.
    static func node(at path: String, overrides: [String] = []) throws -> Node {
        try reporting(path) {
            var node = try Yams.compose(yaml: try read(path)) ?? Node.mapping(Node.Mapping([]))
            guard node.mapping != nil else {
                throw Failure(.badInput, "\(path) is no job file or the like: it must be a mapping of keys to values")
            }
            for override in overrides { try apply(override, to: &node) }
            return node
        }
    }

    /// Decodes what was read from a file.
    static func decode<Value: Decodable>(_ type: Value.Type, from node: Node, path: String) throws -> Value {
        try reporting(path) { try YAMLDecoder().decode(Value.self, from: node) }
    }

    /// Tells errors together with where they come from.
    static func reporting<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as SpecificationError {
            throw Failure(.badInput, "\(path): \(error.message)")
        } catch let error as YamlError {
            throw Failure(.badInput, "\(path) is no valid YAML: \(problem(error))")
        } catch let error as DecodingError {
            throw Failure(.badInput, "\(path): \(summary(error))")
        }
    }

    /// What the parser found, on one line.
    private static func problem(_ error: YamlError) -> String {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            "line \(mark.line), column \(mark.column): \(problem)"
        default:
            "\(error)".split(separator: "\n").joined(separator: " ")
        }
    }

    private static func summary(_ error: DecodingError) -> String {
        switch error {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context),
            .keyNotFound(_, let context):
            if let specification = context.underlyingError as? SpecificationError { return specification.message }
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            return path.isEmpty ? context.debugDescription : "'\(path)': \(context.debugDescription)"
        @unknown default:
            return "\(error)"
        }
    }

    private static func apply(_ override: String, to node: inout Node) throws {
        guard let equals = override.firstIndex(of: "="), equals != override.startIndex else {
            throw Failure(.badInput, "--set takes key=value, not '\(override)'")
        }
        try apply(String(override[..<equals]), String(override[override.index(after: equals)...]), to: &node)
    }

    /// Sets a key, with dots for what lies in parts, to a value in YAML.
    static func apply(_ key: String, _ text: String, to node: inout Node) throws {
        let keys = (shorthands[key] ?? key).split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let value = try Yams.compose(yaml: text) ?? Node.scalar(Node.Scalar(""))
        try set(value, at: keys[...], in: &node)
    }

    /// Keys that are short for others.
    private static let shorthands = ["lr": "training.learning_rate"]

    private static func set(_ value: Node, at keys: ArraySlice<String>, in node: inout Node) throws {
        guard let key = keys.first else {
            node = value
            return
        }
        guard var mapping = node.mapping else {
            throw Failure(.badInput, "--set: '\(key)' is not inside a mapping of the file")
        }
        var child = mapping[Node(key)] ?? Node.mapping(Node.Mapping([]))
        // A method's name alone is short for a mapping that has it as its preset.
        if key == "strategy", keys.count > 1, child.scalar != nil {
            child = .mapping(Node.Mapping([(Node("preset"), child)]))
        }
        try set(value, at: keys.dropFirst(), in: &child)
        mapping[Node(key)] = child
        node = .mapping(mapping)
    }
}
