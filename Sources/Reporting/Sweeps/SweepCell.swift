// SPDX-License-Identifier: Apache-2.0

/// One run of a sweep.
public struct SweepCell: Sendable, Hashable {
    /// A column of tables, and what the cell has in it.
    public struct Label: Sendable, Hashable {
        /// The column: `strategy`, or `method`.
        public let column: String
        /// The cell's value.
        public let value: String

        /// Creates a label.
        public init(_ column: String, _ value: String) {
            self.column = column
            self.value = value
        }
    }

    /// A key of the scenario with its value as YAML.
    public struct Setting: Sendable, Hashable {
        /// The key, with dots as `--set` has them.
        public let key: String
        /// The value.
        public let text: String

        /// Creates a setting.
        public init(_ key: String, _ text: String) {
            self.key = key
            self.text = text
        }
    }

    /// What it is called: cells that differ in their seed alone have the same.
    public var labels: [Label]
    /// What it sets, in order; later ones win.
    public var settings: [Setting]
    /// The seed; nil for the scenario's own.
    public var seed: UInt64?

    /// Creates a cell.
    public init(labels: [Label] = [], settings: [Setting] = [], seed: UInt64? = nil) {
        self.labels = labels
        self.settings = settings
        self.seed = seed
    }

    /// The name of its group in legends: the values, with their columns where they are numbers.
    public var groupName: String { Self.name(labels) }

    /// `strategy=fedavg seed=3`.
    public var description: String {
        let words = labels.map { "\($0.column)=\($0.value)" } + (seed.map { ["seed=\($0)"] } ?? [])
        return words.joined(separator: " ")
    }

    static func name(_ labels: [Label]) -> String {
        guard !labels.isEmpty else { return "scenario" }
        return labels.map { label in
            let last = label.column.split(separator: ".").last.map(String.init) ?? label.column
            return Double(label.value) == nil ? label.value : "\(last) \(label.value)"
        }.joined(separator: ", ")
    }
}
