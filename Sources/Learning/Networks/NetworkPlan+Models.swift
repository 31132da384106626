// SPDX-License-Identifier: Apache-2.0

internal import Rounds

/// The built-in layered models.
extension NetworkPlan {
    /// The kinds and the numbers under `model.settings` that each understands.
    static let knownSettings: [String: [String]] = [
        "cnn": ["dense", "width"],
        "lenet": ["width"],
        "small-cnn": ["dropout", "width"],
        "resnet": ["depth", "width"],
        "gru": ["embedding", "vocabulary", "width"],
    ]

    /// The plan of a layered model; nil for kinds that are none.
    ///
    /// - Throws: ``LearningError`` with code `unknownModel` or `unknownKey`.
    init?(_ specification: ModelSpecification) throws {
        let kind = specification.kind
        guard let known = Self.knownSettings[kind] else { return nil }
        guard specification.classes >= 2 else {
            throw LearningError(.unknownModel, "a \(kind) model tells at least 2 classes apart; set model.classes")
        }
        let settings = try ModelSettings(specification, known: known)
        switch kind {
        case "cnn": try self.init(convolutional: specification, settings)
        case "lenet": try self.init(narrow: specification, settings)
        case "small-cnn": try self.init(small: specification, settings)
        case "resnet": try self.init(residual: specification, settings)
        default: try self.init(recurrent: specification, settings)
        }
        guard elementCount != nil, nodes.allSatisfy({ $0.shape.count <= Self.maximumActivationCount }) else {
            throw LearningError(
                .unknownModel,
                "a \(kind) model of these sizes is too large; lower model.input or model.settings"
            )
        }
    }

    /// The most values that a layer may give for one sample.
    static let maximumActivationCount = 1 << 26

    private static func image(_ specification: ModelSpecification) throws -> Shape {
        let extents = specification.input
        let limit = 1 << 14
        guard (2...3).contains(extents.count), extents.allSatisfy({ (1...limit).contains($0) }) else {
            throw LearningError(
                .unknownModel,
                "model.input \(extents) is no image; a \(specification.kind) model needs [height, width] or "
                    + "[channels, height, width], each up to \(limit)"
            )
        }
        let shape = Shape(
            channels: extents.count == 3 ? extents[0] : 1,
            height: extents[extents.count - 2],
            width: extents[extents.count - 1]
        )
        guard shape.count <= maximumActivationCount else {
            throw LearningError(.unknownModel, "images of \(extents) are too large; use smaller ones")
        }
        return shape
    }

    /// McMahan et al. 2017, section 3: two 5 x 5 convolutions (`width`, twice that), each with ReLU and 2 x 2 max
    /// pooling, a dense layer of `dense` units with ReLU, the classes.
    private init(convolutional specification: ModelSpecification, _ settings: ModelSettings) throws {
        let width = try settings.size("width", default: 32, upTo: 1024)
        let dense = try settings.size("dense", default: 512, upTo: 1 << 16)
        self.init(input: try Self.image(specification))
        for (number, outputs) in [width, 2 * width].enumerated() {
            try convolution(
                "conv\(number + 1)",
                Convolution(outputs: outputs, kernel: 5, padding: 2, hasBias: true, rectifies: true, pool: 2)
            )
        }
        self.dense("fc1", outputs: dense, rectifies: true)
        self.dense("fc2", outputs: specification.classes, rectifies: false)
    }

    /// LeNet-5 (LeCun et al. 1998, section II.B) with ReLU and max pooling, as federated benchmarks train it: 5 x 5
    /// convolutions without padding of `width` channels and of 8 / 3 as many (6 and 16), each with ReLU and 2 x 2 max
    /// pooling, dense layers of 120 and 84 units with ReLU, the classes.
    private init(narrow specification: ModelSpecification, _ settings: ModelSettings) throws {
        let width = try settings.size("width", default: 6, upTo: 384)
        self.init(input: try Self.image(specification))
        for (number, outputs) in [width, width * 8 / 3].enumerated() {
            try convolution(
                "conv\(number + 1)",
                Convolution(outputs: outputs, kernel: 5, padding: 0, hasBias: true, rectifies: true, pool: 2)
            )
        }
        self.dense("fc1", outputs: 120, rectifies: true)
        self.dense("fc2", outputs: 84, rectifies: true)
        self.dense("fc3", outputs: specification.classes, rectifies: false)
    }

    /// A light model for devices: two 3 x 3 convolutions (`width`, twice that), each with batch norm, ReLU and 2 x 2
    /// max pooling, then dropout and the classes.
    private init(small specification: ModelSpecification, _ settings: ModelSettings) throws {
        let width = try settings.size("width", default: 8, upTo: 1024)
        let rate = try settings.fraction("dropout", default: 0.25)
        self.init(input: try Self.image(specification))
        for (number, outputs) in [width, 2 * width].enumerated() {
            try convolution("conv\(number + 1)", Convolution(outputs: outputs, kernel: 3, padding: 1))
            batchNorm("bn\(number + 1)", rectifies: true)
            try maxPool(side: 2)
        }
        dropout(rate: rate)
        dense("fc", outputs: specification.classes, rectifies: false)
    }

    /// He et al. 2016, section 4.2: a 3 x 3 convolution, three stages of (depth - 2) / 6 basic blocks with 1, 2 and 4
    /// times `width` channels, the mean over pixels, the classes. Shortcuts that change shape are 1 x 1 convolutions
    /// with batch norm (option B); tensors are named as torchvision names them.
    private init(residual specification: ModelSpecification, _ settings: ModelSettings) throws {
        let width = try settings.size("width", default: 16, upTo: 1024)
        let depth = try settings.size("depth", default: 8, upTo: 110)
        guard depth >= 8, (depth - 2) % 6 == 0 else {
            throw LearningError(
                .unknownModel,
                "model.settings.depth must be 6 n + 2 from 8 on (8, 14, 20, ...), not \(depth)"
            )
        }
        self.init(input: try Self.image(specification))
        try convolution("conv1", Convolution(outputs: width, kernel: 3, padding: 1))
        batchNorm("bn1", rectifies: true)
        for stage in 0..<3 {
            for block in 0..<((depth - 2) / 6) {
                let name = "layer\(stage + 1).\(block)"
                try residualBlock(name, outputs: width << stage, stride: stage > 0 && block == 0 ? 2 : 1)
            }
        }
        averagePool()
        dense("fc", outputs: specification.classes, rectifies: false)
    }

    private mutating func residualBlock(_ name: String, outputs: Int, stride: Int) throws {
        let input = last
        try convolution("\(name).conv1", Convolution(outputs: outputs, kernel: 3, stride: stride, padding: 1))
        batchNorm("\(name).bn1", rectifies: true)
        try convolution("\(name).conv2", Convolution(outputs: outputs, kernel: 3, padding: 1))
        guard stride > 1 || nodes[input].shape.channels != outputs else {
            batchNorm("\(name).bn2", adding: input, rectifies: true)
            return
        }
        // The two branches' sum and its ReLU belong to the later one: so the tensors keep PyTorch's order.
        let main = batchNorm("\(name).bn2", rectifies: false)
        let shortcut = Convolution(outputs: outputs, kernel: 1, stride: stride, padding: 0)
        try convolution("\(name).downsample.0", shortcut, from: input)
        batchNorm("\(name).downsample.1", adding: main, rectifies: true)
    }

    /// Characters to an embedding, a GRU of `width` units, the last state to the classes.
    private init(recurrent specification: ModelSpecification, _ settings: ModelSettings) throws {
        let limit = 1 << 14
        guard specification.input.count == 1, let length = specification.input.first, (1...limit).contains(length)
        else {
            throw LearningError(
                .unknownModel,
                "model.input \(specification.input) is no text; a gru model needs [length], up to \(limit)"
            )
        }
        let recurrent = Recurrent(
            length: length,
            vocabulary: try settings.size("vocabulary", default: specification.classes, upTo: 1 << 16),
            embedding: try settings.size("embedding", default: 8, upTo: 4096),
            hidden: try settings.size("width", default: 128, upTo: 4096)
        )
        self.init(input: Shape(channels: length))
        self.recurrent(recurrent)
        dense("fc", outputs: specification.classes, rectifies: false)
    }
}
