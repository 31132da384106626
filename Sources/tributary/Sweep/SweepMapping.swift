// SPDX-License-Identifier: Apache-2.0

import Reporting
import Yams

/// A mapping of a sweep file, whose values may be anything that a scenario has.
struct SweepMapping {
    private let pairs: [(key: String, value: Node)]
    private let place: String

    init(_ node: Node, place: String) throws {
        guard let mapping = node.mapping else {
            throw ReportingError(.invalidSweep, "'\(place)' must be a mapping of keys to values")
        }
        pairs = try mapping.map { key, value in
            guard let name = key.string, !name.isEmpty else {
                throw ReportingError(.invalidSweep, "a key under '\(place)' is no text")
            }
            return (name, value)
        }
        self.place = place
    }

    private func full(_ key: String) -> String { place.isEmpty ? key : "\(place).\(key)" }

    private func value(_ key: String) -> Node? { pairs.last { $0.key == key }?.value }

    /// Refuses keys that are not known.
    func check(known: [String]) throws {
        for (key, _) in pairs where !known.contains(key) {
            throw ReportingError(
                .invalidSweep,
                "unknown key '\(full(key))'; known: \(known.sorted().joined(separator: ", "))"
            )
        }
    }

    /// The mapping of a key; nil where it is missing.
    func mapping(_ key: String) throws -> SweepMapping? {
        try value(key).map { try SweepMapping($0, place: full(key)) }
    }

    /// All keys with their mappings; a key without a value has an empty one.
    func parts() throws -> [(name: String, mapping: SweepMapping)] {
        try pairs.map { key, value in
            let isEmpty = value.null != nil
            return (key, try SweepMapping(isEmpty ? Node.mapping(Node.Mapping([])) : value, place: full(key)))
        }
    }

    /// All keys with their values, as `--set` has them.
    func settings(except others: Set<String> = []) throws -> [SweepCell.Setting] {
        pairs.filter { !others.contains($0.key) }.map { .init($0.key, NodeText.flow($0.value)) }
    }

    /// All keys with lists of values: `[a, b]`, `{name: a, ...}`, or text as `--sweep` has it.
    func axes() throws -> [SweepAxis] {
        try pairs.map { key, value in
            switch value {
            case .sequence(let sequence):
                let values = sequence.map { node in
                    SweepAxis.Value(name: node.string ?? NodeText.flow(node), text: NodeText.flow(node))
                }
                return try SweepAxis(key: key, values: values)
            case .mapping(let mapping):
                let values = mapping.map { name, node in
                    SweepAxis.Value(name: name.string ?? NodeText.flow(name), text: NodeText.flow(node))
                }
                return try SweepAxis(key: key, values: values)
            default:
                return try SweepAxis(key: key, list: value.string ?? "")
            }
        }
    }

    /// Seeds: `1..5`, or a list.
    func seeds(_ key: String) throws -> [UInt64]? {
        guard let node = value(key) else { return nil }
        let lists = try SweepMapping(Node.mapping(Node.Mapping([(Node(full(key)), node)])), place: "")
        return try SweepPlan.seeds(try lists.axes()[0])
    }

    /// A number; nil where it is missing.
    func number(_ key: String) throws -> Double? {
        guard let node = value(key) else { return nil }
        guard let number = node.string.flatMap(Double.init) else {
            throw ReportingError(.invalidSweep, "'\(full(key))' must be a number")
        }
        return number
    }
}
