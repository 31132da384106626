// SPDX-License-Identifier: Apache-2.0

internal import ModelState

/// The layers of a layered model, in an order in which each comes after those that it reads.
struct NetworkPlan: Sendable, Hashable {
    /// The extents of what a node gives for one sample; a vector is an image of one pixel.
    struct Shape: Sendable, Hashable {
        var channels: Int
        var height = 1
        var width = 1
        var count: Int { channels * height * width }
    }

    /// A square convolution, with what follows it fused where that saves passes over memory.
    struct Convolution: Sendable, Hashable {
        var outputs: Int
        var kernel: Int
        var stride = 1
        var padding: Int
        var hasBias = false
        var rectifies = false
        /// The side of the windows of the max pooling that follows; 1 for none.
        var pool = 1

        /// What the convolution itself, before pooling, makes of an extent.
        func extent(of extent: Int) -> Int { (extent + 2 * padding - kernel) / stride + 1 }
    }

    /// A gated recurrent unit over characters, whose last state is the result.
    struct Recurrent: Sendable, Hashable {
        var length: Int
        var vocabulary: Int
        var embedding: Int
        var hidden: Int
    }

    /// What a node computes from the nodes that it reads.
    enum Operation: Sendable, Hashable {
        case input
        case convolution(Convolution)
        /// Normalises its first input; adds its second, if there is one, before the ReLU.
        case batchNorm(rectifies: Bool)
        case maxPool(side: Int)
        case averagePool
        case dense(outputs: Int, rectifies: Bool)
        case dropout(rate: Double)
        case recurrent(Recurrent)
    }

    struct Node: Sendable, Hashable {
        let operation: Operation
        let inputs: [Int]
        let shape: Shape
        /// The first of the node's tensors in the model's layout.
        let firstTensor: Int
    }

    /// How a tensor's initial values are drawn.
    enum Initial: Sendable, Hashable {
        case uniform(bound: Float)
        case normal
        case constant(Float)
    }

    struct Tensor: Sendable, Hashable {
        let name: String
        let shape: TensorShape
        var role = TensorLayout.Role.parameter
        let initial: Initial
    }

    /// The nodes; the first is the input, the last gives the logits.
    private(set) var nodes: [Node] = []
    private(set) var tensors: [Tensor] = []

    /// The position of the last node.
    var last: Int { nodes.count - 1 }
    /// What the last node gives.
    var shape: Shape { nodes[last].shape }

    init(input: Shape) {
        nodes = [Node(operation: .input, inputs: [], shape: input, firstTensor: 0)]
    }

    /// Adds a node and returns its position.
    @discardableResult
    mutating func add(_ operation: Operation, from inputs: [Int], shape: Shape, tensors added: [Tensor] = []) -> Int {
        nodes.append(Node(operation: operation, inputs: inputs, shape: shape, firstTensor: tensors.count))
        tensors += added
        return last
    }

    /// The number of parameters, nil where there are more than a model may have.
    var elementCount: Int? {
        var total = 0
        for tensor in tensors {
            let (sum, overflow) = total.addingReportingOverflow(tensor.shape.elementCount)
            guard !overflow, sum <= ModelArchitecture.maximumElementCount else { return nil }
            total = sum
        }
        return total
    }
}
