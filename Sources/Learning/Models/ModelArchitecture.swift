// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness
public import Rounds

/// A built-in model: its tensors, their initial values and what the trainer needs to know of its layers.
///
/// - `softmax`: multinomial logistic regression, one dense layer;
/// - `mlp`: dense layers with ReLU between them, of the widths in `hidden`;
/// - `vector`: `elements` numbers without a meaning, to measure transport;
/// - `cnn`: the network of McMahan et al. 2017: two 5 x 5 convolutions of `width` (32) and twice as many channels, each
///   with ReLU and max pooling, a dense layer of `dense` (512) units;
/// - `lenet`: LeNet-5 with ReLU and max pooling: two 5 x 5 convolutions without padding of `width` (6) and 8 / 3
///   as many channels (16), each with ReLU and max pooling, dense layers of 120 and 84 units;
/// - `small-cnn`: a light model for devices: two 3 x 3 convolutions of `width` (8) and twice as many channels, each
///   with batch norm, ReLU and max pooling, then dropout at the rate `dropout` (0.25);
/// - `resnet`: He et al. 2016, section 4.2, of `depth` (8, 14, 20, ...; default 8) layers and `width` (16) channels;
/// - `gru`: the next character of a text of `input: [length]` characters, from an embedding of `embedding` (8) numbers
///   for each of `vocabulary` (`classes`) characters and a GRU of `width` (128) units.
///
/// Images are `[height, width]` or `[channels, height, width]`; names in code are keys of `model.settings`, with their
/// defaults. Dense layers of `softmax` and `mlp` are named `layer1`, `layer2`, ...; tensors have PyTorch's shapes
/// (`[outputs, inputs]`, `[outputs, inputs, height, width]`), row-major, and those of layered models its names.
public struct ModelArchitecture: Sendable, Hashable {
    /// A dense layer's sizes.
    struct DenseLayer: Sendable, Hashable {
        let inputs: Int
        let outputs: Int
    }

    /// The largest number of elements of a built-in model.
    public static let maximumElementCount = 1 << 33

    /// The model's kind as job files write it.
    public let kind: String
    /// The extents of one input sample, outermost first.
    public let input: [Int]
    /// The number of values of one input sample; 0 for `vector`.
    public let inputCount: Int
    /// The number of classes; 0 for `vector`.
    public let classCount: Int
    /// The tensors in the order of the parameter vector.
    public let layout: TensorLayout
    /// First to last; empty for `vector` and for layered models.
    let layers: [DenseLayer]
    /// The layers of a layered model; nil for the others.
    let plan: NetworkPlan?
    /// What each tensor is, in the order of the layout: bytes are counted, and FedBN keeps tensors local, by it.
    public var tensorKinds: [TensorKind] { layout.tensors.map(\.kind) }
    /// Whether a built-in trainer trains it.
    public var isTrainable: Bool { !layers.isEmpty || plan != nil }

    /// Describes the model that a job names.
    ///
    /// - - Throws: ``LearningError`` with code `unknownModel` for a kind that is not built in or sizes that make no
    ///   model.
    public init(_ specification: ModelSpecification) throws {
        kind = specification.kind
        input = specification.input
        plan = try NetworkPlan(specification)
        if let plan {
            layers = []
            inputCount = plan.nodes[0].shape.count
            classCount = specification.classes
            layout = try TensorLayout(
                plan.tensors.map { .init(name: $0.name, shape: $0.shape, role: $0.role) }
            )
            return
        }
        switch specification.kind {
        case "softmax", "mlp":
            let hidden = specification.kind == "mlp" ? specification.hidden : []
            guard specification.classes >= 2 else {
                throw LearningError(.unknownModel, "a \(kind) model tells at least 2 classes apart; set model.classes")
            }
            layers = try Self.denseLayers(input: specification.input, hidden: hidden, classes: specification.classes)
            inputCount = layers[0].inputs
            classCount = specification.classes
            layout = try TensorLayout(
                layers.enumerated().flatMap { index, layer in
                    [
                        .init(name: "layer\(index + 1).weight", shape: [layer.outputs, layer.inputs]),
                        .init(name: "layer\(index + 1).bias", shape: [layer.outputs]),
                    ]
                }
            )
        case "vector":
            guard (1...Self.maximumElementCount).contains(specification.elements) else {
                throw LearningError(
                    .unknownModel,
                    "a vector needs 1 to \(Self.maximumElementCount) elements; set model.elements"
                )
            }
            layers = []
            inputCount = 0
            classCount = 0
            layout = try TensorLayout([.init(name: "vector", shape: [specification.elements])])
        default:
            throw LearningError(
                .unknownModel,
                "no built-in model is of kind '\(specification.kind)'; "
                    + "known: cnn, gru, lenet, mlp, resnet, small-cnn, softmax, vector"
            )
        }
    }

    private static func denseLayers(input: [Int], hidden: [Int], classes: Int) throws -> [DenseLayer] {
        var widths = [1]
        for extent in input {
            let (product, overflow) = widths[0].multipliedReportingOverflow(by: extent)
            guard extent >= 1, !overflow, product <= maximumElementCount else {
                throw LearningError(.unknownModel, "model.input \(input) is not the shape of a sample")
            }
            widths[0] = product
        }
        widths += hidden + [classes]
        var total = 0
        for (inputs, outputs) in zip(widths, widths.dropFirst()) {
            let (product, overflow) = inputs.multipliedReportingOverflow(by: outputs)
            guard outputs >= 1, !overflow, product <= maximumElementCount - total else {
                throw LearningError(
                    .unknownModel,
                    "a model of layers \(widths) has more than \(maximumElementCount) elements"
                )
            }
            total += product
        }
        return zip(widths, widths.dropFirst()).map { DenseLayer(inputs: $0, outputs: $1) }
    }

    /// The parameters that training starts from.
    ///
    /// Weights and biases of a dense layer are uniform on +-1 / sqrt(inputs), as PyTorch's `nn.Linear` draws them; a
    /// `vector` is uniform on +-1. Layered models draw as PyTorch's layers do: convolutions uniform on
    /// +-1 / sqrt(fan-in), a GRU on +-1 / sqrt(units), embeddings from the standard normal distribution, batch norms
    /// start at weight 1, bias 0, mean 0, variance 1. The same seed gives the same bits everywhere.
    public func initialParameters(seed: Seed) -> ParameterVector {
        if let plan { return plan.initialParameters(layout: layout, seed: seed) }
        var parameters = ParameterVector(zeros: layout.elementCount)
        parameters.withMutableElements { elements in
            for (index, tensor) in layout.tensors.enumerated() {
                let bound: Float = layers.isEmpty ? 1 : 1 / Float(layers[index / 2].inputs).squareRoot()
                var generator = SeededGenerator(seed: seed.deriving("initialize", tensor.name))
                for element in layout.range(of: index) {
                    elements[element] = bound * (2 * generator.uniformFloat() - 1)
                }
            }
        }
        return parameters
    }
}
