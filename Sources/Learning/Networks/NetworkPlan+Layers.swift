// SPDX-License-Identifier: Apache-2.0

internal import ModelState

/// Adds layers with their tensors, named, shaped and drawn as PyTorch has them.
extension NetworkPlan {
    /// Adds a convolution (`nn.Conv2d`).
    ///
    /// - Throws: ``LearningError`` with code `unknownModel` where the image is too small.
    @discardableResult
    mutating func convolution(_ name: String, _ spec: Convolution, from input: Int? = nil) throws -> Int {
        let from = input ?? last
        let image = nodes[from].shape
        let extents = try [image.height, image.width].map { extent in
            let result = spec.extent(of: extent)
            guard extent + 2 * spec.padding >= spec.kernel, result >= spec.pool else {
                throw LearningError(
                    .unknownModel,
                    "images of \(image.height) x \(image.width) are too small for layer \(name); use a larger "
                        + "model.input or another model"
                )
            }
            return result / spec.pool
        }
        // Kaiming's uniform rule with a = sqrt(5), PyTorch's default, comes to +-1 / sqrt(fan-in).
        let bound = 1 / Float(image.channels * spec.kernel * spec.kernel).squareRoot()
        var added = [
            Tensor(
                name: "\(name).weight",
                shape: [spec.outputs, image.channels, spec.kernel, spec.kernel],
                initial: .uniform(bound: bound)
            )
        ]
        if spec.hasBias {
            added.append(
                Tensor(name: "\(name).bias", shape: [spec.outputs], initial: .uniform(bound: bound))
            )
        }
        return add(
            .convolution(spec),
            from: [from],
            shape: Shape(channels: spec.outputs, height: extents[0], width: extents[1]),
            tensors: added
        )
    }

    /// Adds a batch norm (`nn.BatchNorm2d`), optionally with a residual added and a ReLU after it.
    @discardableResult
    mutating func batchNorm(_ name: String, adding residual: Int? = nil, rectifies: Bool) -> Int {
        let shape = nodes[last].shape
        let extent: TensorShape = [shape.channels]
        return add(
            .batchNorm(rectifies: rectifies),
            from: [last] + (residual.map { [$0] } ?? []),
            shape: shape,
            tensors: [
                Tensor(name: "\(name).weight", shape: extent, role: .normalization, initial: .constant(1)),
                Tensor(name: "\(name).bias", shape: extent, role: .normalization, initial: .constant(0)),
                Tensor(name: "\(name).running_mean", shape: extent, role: .buffer, initial: .constant(0)),
                Tensor(name: "\(name).running_var", shape: extent, role: .buffer, initial: .constant(1)),
            ]
        )
    }

    /// Adds a max pooling without overlap (`nn.MaxPool2d`).
    ///
    /// - Throws: ``LearningError`` with code `unknownModel` where the image is too small.
    mutating func maxPool(side: Int) throws {
        let shape = nodes[last].shape
        guard shape.height >= side, shape.width >= side else {
            throw LearningError(
                .unknownModel,
                "images of \(shape.height) x \(shape.width) cannot be pooled \(side) x \(side); "
                    + "use a larger model.input"
            )
        }
        add(
            .maxPool(side: side),
            from: [last],
            shape: Shape(channels: shape.channels, height: shape.height / side, width: shape.width / side)
        )
    }

    /// Adds the mean over all pixels (`nn.AdaptiveAvgPool2d(1)`).
    mutating func averagePool() {
        add(.averagePool, from: [last], shape: Shape(channels: nodes[last].shape.channels))
    }

    /// Adds a dense layer (`nn.Linear`) over all values of the node before.
    mutating func dense(_ name: String, outputs: Int, rectifies: Bool) {
        let inputs = nodes[last].shape.count
        let bound = 1 / Float(inputs).squareRoot()
        add(
            .dense(outputs: outputs, rectifies: rectifies),
            from: [last],
            shape: Shape(channels: outputs),
            tensors: [
                Tensor(
                    name: "\(name).weight",
                    shape: [outputs, inputs],
                    initial: .uniform(bound: bound)
                ),
                Tensor(name: "\(name).bias", shape: [outputs], initial: .uniform(bound: bound)),
            ]
        )
    }

    /// Adds a dropout (`nn.Dropout`); none at rate 0.
    mutating func dropout(rate: Double) {
        guard rate > 0 else { return }
        add(.dropout(rate: rate), from: [last], shape: nodes[last].shape)
    }

    /// Adds an embedding and a recurrent layer (`nn.Embedding`, `nn.GRU`) over the input's characters.
    mutating func recurrent(_ spec: Recurrent) {
        let bound = 1 / Float(spec.hidden).squareRoot()
        let gates = 3 * spec.hidden
        func tensor(_ name: String, _ shape: TensorShape) -> Tensor {
            Tensor(name: "gru.\(name)", shape: shape, initial: .uniform(bound: bound))
        }
        add(
            .recurrent(spec),
            from: [last],
            shape: Shape(channels: spec.hidden),
            tensors: [
                Tensor(
                    name: "embedding.weight",
                    shape: [spec.vocabulary, spec.embedding],
                    initial: .normal
                ),
                tensor("weight_ih_l0", [gates, spec.embedding]),
                tensor("weight_hh_l0", [gates, spec.hidden]),
                tensor("bias_ih_l0", [gates]),
                tensor("bias_hh_l0", [gates]),
            ]
        )
    }
}
