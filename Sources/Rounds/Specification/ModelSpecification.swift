// SPDX-License-Identifier: Apache-2.0

/// Says which model a job trains.
public struct ModelSpecification: Hashable, Sendable, Codable {
    /// The model's family: a built-in name (`softmax`, `mlp`, `vector`) or a name that external trainers understand.
    public var kind: String
    /// The extents of one input sample, outermost first: `[28, 28]` for the image sets.
    public var input: [Int]
    /// The number of classes that the model tells apart; 1 for regression.
    public var classes: Int
    /// The widths of the hidden layers, first to last (`mlp`).
    public var hidden: [Int]
    /// The number of elements of a `vector`, a model without a meaning that measures transport.
    public var elements: Int
    /// Further numbers that a family understands, by name.
    public var settings: [String: Double]

    /// Creates a specification.
    public init(
        kind: String = "mlp",
        input: [Int] = [28, 28],
        classes: Int = 10,
        hidden: [Int] = [64],
        elements: Int = 0,
        settings: [String: Double] = [:]
    ) {
        self.kind = kind
        self.input = input
        self.classes = classes
        self.hidden = hidden
        self.elements = elements
        self.settings = settings
    }

    /// The number of values in one input sample.
    public var inputCount: Int { input.reduce(1, *) }

    /// Reads the `model:` part of a job file.
    public init(from decoder: any Decoder) throws {
        let known = ["kind", "input", "classes", "hidden", "elements", "settings"]
        let file = try StrictContainer(decoder, known: known)
        self.init(
            kind: try file.value("kind", default: "mlp"),
            input: try file.value("input", default: [28, 28]),
            classes: try file.value("classes", default: 10),
            hidden: try file.value("hidden", default: [64]),
            elements: try file.value("elements", default: 0),
            settings: try file.value("settings", default: [:])
        )
        let sizes = input + hidden
        try file.check(
            !input.isEmpty && sizes.allSatisfy { $0 >= 1 && $0 <= 1 << 24 },
            "input",
            "a list of positive sizes"
        )
        let isSmall = input.reduce(1.0) { $0 * Double($1) } <= 0x1p33
        try file.check(isSmall, "input", "a sample of at most 2^33 values")
        try file.check(classes >= 1 && classes <= 1 << 20, "classes", "between 1 and 1048576")
        try file.check(elements >= 0 && elements <= 1 << 33, "elements", "between 0 and 2^33")
        try file.check(kind != "vector" || elements > 0, "elements", "positive for a model of kind vector")
    }
}
