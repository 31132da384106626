// SPDX-License-Identifier: Apache-2.0

extension NetworkPlan {
    /// The dense layers of a `softmax` or `mlp` model as nodes: their tensors are those of the model, in its order.
    init(dense layers: [ModelArchitecture.DenseLayer]) {
        precondition(!layers.isEmpty, "a network has layers")
        self.init(input: Shape(channels: layers[0].inputs))
        for (number, layer) in layers.enumerated() {
            dense("layer\(number + 1)", outputs: layer.outputs, rectifies: number < layers.count - 1)
        }
    }
}
