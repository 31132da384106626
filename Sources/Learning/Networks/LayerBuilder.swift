// SPDX-License-Identifier: Apache-2.0

/// Makes the layers of a plan and decides how the nodes' values lie in memory.
struct LayerBuilder {
    private(set) var layers: [any NetworkLayer] = []
    private(set) var layouts: [NodeLayouts] = []
    private let plan: NetworkPlan
    private let dense: DenseKernels
    private let convolution: ConvolutionKernels
    #if ONEDNN
    /// What layers on oneDNN share; nil for own kernels.
    private let worker: OneDNNWorker?
    #endif

    /// Makes the layers on kernels that the program has.
    init(
        _ plan: NetworkPlan,
        dense: DenseKernels,
        convolution: ConvolutionKernels,
        kernels: TrainingKernels = .own
    ) {
        self.plan = plan
        self.dense = dense
        self.convolution = convolution
        #if ONEDNN
        worker = kernels == .onednn ? OneDNNWorker() : nil
        #endif
        layouts = plan.nodes.indices.map { Self.outputLayout(plan, node: $0, kernels) }
            .map { NodeLayouts(output: $0, gradient: $0) }
        for node in plan.nodes.indices where kernels == .own {
            layouts[node].gradient = ImageBuffer.Layout(plan.nodes[node].shape)
        }
        for node in plan.nodes.indices.dropFirst() {
            let layer = makeLayer(node)
            layers.append(layer)
            guard let layer = layer as? ConvolutionLayer, layer.spec.pool == 1 else { continue }
            layouts[node].gradient = layer.gradientLayout
        }
    }

    /// A node's output has around it the zeros that the own convolutions which read it need; oneDNN's fastest want
    /// images that lie densely, output and gradient alike.
    private static func outputLayout(
        _ plan: NetworkPlan,
        node: Int,
        _ kernels: TrainingKernels
    ) -> ImageBuffer.Layout {
        var layout = ImageBuffer.Layout(plan.nodes[node].shape)
        for reader in plan.nodes where reader.inputs.contains(node) {
            guard case .convolution(let spec) = reader.operation else { continue }
            if kernels == .own { layout.before = max(layout.before, spec.padding) }
            layout.after = layout.before
            // The few channels of the network's input stay together: rounding one up to 16 would cost 16 times as much.
            if node == 0 { layout.pixel = layout.channels }
        }
        return layout
    }

    /// Whether another reader of `input` has a gradient there before `node` comes: readers run from last to first.
    private func accumulates(_ node: Int, into input: Int) -> Bool {
        plan.nodes.indices.contains { $0 > node && plan.nodes[$0].inputs.contains(input) }
    }

    private func makeLayer(_ node: Int) -> any NetworkLayer {
        let operation = plan.nodes[node].operation
        let inputs = plan.nodes[node].inputs
        let input = inputs[0]
        let adds = accumulates(node, into: input)
        switch operation {
        case .input:
            preconditionFailure("only the first node is the input")
        case .convolution(let spec):
            return makeConvolution(spec, node: node, input: input, accumulates: adds)
        case .batchNorm(let rectifies):
            precondition(!adds, "a batch norm is its input's only reader")
            let residual = inputs.count > 1 ? inputs[1] : nil
            return BatchNormLayer(
                node: node,
                input: input,
                residual: residual,
                residualAccumulates: residual.map { accumulates(node, into: $0) } ?? false,
                rectifies: rectifies,
                channels: plan.nodes[node].shape.channels
            )
        case .maxPool(let side):
            precondition(!adds, "a pooling is its input's only reader")
            return MaxPoolLayer(node: node, input: input, side: side, shape: plan.nodes[node].shape)
        case .averagePool:
            precondition(!adds, "a pooling is its input's only reader")
            return AveragePoolLayer(node: node, input: input)
        case .dropout(let rate):
            precondition(!adds, "a dropout is its input's only reader")
            return DropoutLayer(node: node, input: input, rate: rate)
        case .recurrent(let spec):
            return RecurrentLayer(spec, node: node, kernels: dense)
        case .dense(let outputs, let rectifies):
            precondition(!adds && layouts[input].output.before == 0, "a dense layer is its input's only reader")
            return makeDense(node, input: input, outputs: outputs, rectifies: rectifies)
        }
    }

    private func makeConvolution(
        _ spec: NetworkPlan.Convolution,
        node: Int,
        input: Int,
        accumulates: Bool
    ) -> any NetworkLayer {
        #if ONEDNN
        if let worker {
            return OneDNNConvolutionLayer(
                spec,
                node: node,
                input: input,
                inputLayout: layouts[input].output,
                accumulates: accumulates,
                worker: worker
            )
        }
        #endif
        return ConvolutionLayer(
            spec,
            node: node,
            input: input,
            inputLayout: layouts[input].output,
            accumulates: accumulates,
            kernels: convolution
        )
    }

    private func makeDense(_ node: Int, input: Int, outputs: Int, rectifies: Bool) -> any NetworkLayer {
        #if ONEDNN
        if let worker {
            return OneDNNDenseLayer(
                node: node,
                input: input,
                source: plan.nodes[input].shape,
                outputs: outputs,
                rectifies: rectifies,
                worker: worker
            )
        }
        #endif
        let inputIsRectified =
            switch plan.nodes[input].operation {
            case .convolution(let spec): spec.rectifies
            case .dense(_, let rectifies): rectifies
            default: false
            }
        return DenseLayer(
            node: node,
            input: input,
            source: plan.nodes[input].shape,
            outputs: outputs,
            rectifies: rectifies,
            inputIsRectified: inputIsRectified,
            kernels: dense
        )
    }
}
