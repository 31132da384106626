// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import ModelState
internal import Randomness

/// The network of a layered model: convolutions, normalisation, pooling, dropout, dense and recurrent layers.
///
/// Parameters lie in one packed block, each layer's in its kernels' layout; velocity and offset beside it in the same.
final class LayeredNetwork {
    /// A packed block.
    struct Block {
        let arena: FloatArena
        let values: UnsafeMutablePointer<Float>
    }

    let model: ModelArchitecture
    let plan: NetworkPlan
    /// The nodes' layers, from the second node on.
    let layers: [any NetworkLayer]
    let layouts: [NodeLayouts]
    let packedCount: Int
    private let dense: DenseKernels
    private let convolution: ConvolutionKernels
    private let kernels: TrainingKernels
    private var parameters: Block?
    var velocity: Block?
    var offset: Block?
    var collected: Block?
    var remembered: Block?
    private var batch: NetworkBuffers?
    private var trainingSeed: Seed?
    private var batchNumber: UInt64 = 0
    private var dropoutKey: UInt64 = 0

    /// Makes a network on kernels that the program has.
    init(
        _ model: ModelArchitecture,
        _ plan: NetworkPlan,
        dense: DenseKernels,
        convolution: ConvolutionKernels,
        kernels: TrainingKernels = .own
    ) {
        precondition(kernels.isBuiltIn, "kernels are checked before a network is made of them")
        self.model = model
        self.plan = plan
        self.dense = dense
        self.convolution = convolution
        self.kernels = kernels
        let builder = LayerBuilder(plan, dense: dense, convolution: convolution, kernels: kernels)
        (layers, layouts) = (builder.layers, builder.layouts)
        var total = 0
        for layer in layers {
            layer.packedOffset = total
            total += FloatArena.footprint(layer.packedCount)
        }
        packedCount = total
    }

    /// Another network of the same model, without parameters.
    func makeSibling() -> any TrainableNetwork {
        LayeredNetwork(model, plan, dense: dense, convolution: convolution, kernels: kernels)
    }

    // MARK: Parameters

    var values: UnsafeMutablePointer<Float> {
        guard let parameters else { preconditionFailure("parameters are loaded before they are used") }
        return parameters.values
    }

    func makeBlock() -> Block {
        let arena = FloatArena(capacity: FloatArena.footprint(packedCount))
        return Block(arena: arena, values: arena.take(packedCount))
    }

    func load(_ vector: ParameterVector) {
        let target = parameters ?? makeBlock()
        parameters = target
        pack(vector, into: target.values)
        trainingSeed = nil
        velocity = nil
        offset = nil
    }

    func beginTraining(seed: Seed) {
        trainingSeed = seed.deriving("dropout")
        batchNumber = 0
    }

    func prepareStep(momentum: Bool, offset vector: ParameterVector?) {
        if momentum {
            let target = velocity ?? makeBlock()
            target.values.update(repeating: 0, count: packedCount)
            velocity = target
        } else {
            velocity = nil
        }
        offset = vector.map { vector in
            let target = makeBlock()
            pack(vector, into: target.values)
            return target
        }
    }

    func discardBuffers() {
        parameters = nil
        velocity = nil
        offset = nil
        collected = nil
        remembered = nil
        batch = nil
    }

    private func pack(_ vector: ParameterVector, into packed: UnsafeMutablePointer<Float>) {
        precondition(vector.count == model.layout.elementCount, "parameters must have the model's layout")
        vector.withElements { elements in
            guard let base = elements.baseAddress else { return }
            forEachLayer { layer, place in layer.pack(base + place, into: packed + layer.packedOffset) }
        }
    }

    /// Calls with each layer that has parameters and where they begin in the model's layout.
    private func forEachLayer(_ body: (any NetworkLayer, Int) -> Void) {
        for (layer, node) in zip(layers, plan.nodes.dropFirst()) where layer.packedCount > 0 {
            body(layer, model.layout.range(of: node.firstTensor).lowerBound)
        }
    }

    func writeDifference(from start: ParameterVector, into out: UnsafeMutableBufferPointer<Float>) {
        precondition(out.count == start.count, "the difference has the model's layout")
        guard let target = out.baseAddress else { return }
        start.withElements { elements in
            guard let base = elements.baseAddress else { return }
            forEachLayer { layer, place in
                layer.unpackDifference(values + layer.packedOffset, from: base + place, into: target + place)
            }
        }
    }

    func currentParameters() -> ParameterVector { unpacked(values) }

    /// A packed block in the model's layout.
    func unpacked(_ block: UnsafePointer<Float>) -> ParameterVector {
        var vector = ParameterVector(zeros: model.layout.elementCount)
        vector.withMutableElements { elements in
            guard let target = elements.baseAddress else { return }
            forEachLayer { layer, place in
                layer.unpackDifference(block + layer.packedOffset, from: nil, into: target + place)
            }
        }
        return vector
    }

    // MARK: A batch

    /// Images are wide: a batch of these rows has its activations in the outer caches.
    var evaluationRows: Int { 64 }

    func reserve(rows: Int) {
        guard (batch?.rows ?? 0) < rows else { return }
        batch = NetworkBuffers(rows: rows, layers: layers, layouts: layouts)
    }

    var buffers: NetworkBuffers {
        guard let batch else { preconditionFailure("room for a batch is reserved before it is used") }
        return batch
    }

    func gather(_ table: SampleTable, rows: Int, index: (Int) -> UInt32) {
        let buffers = buffers
        precondition(rows <= buffers.rows, "room for a batch is reserved before it is used")
        if let trainingSeed {
            dropoutKey = trainingSeed.deriving("batch", batchNumber).value
            batchNumber += 1
        }
        let input = buffers.outputs[0]
        var (shape, row, pixel) = (plan.nodes[0].shape, input.rowStride, input.pixelStride)
        // A vector's values are one run, whether they are called channels or a row's pixels.
        if shape.height * shape.width == 1 {
            shape = .init(channels: 1, width: shape.channels)
            (row, pixel) = (shape.width, 1)
        }
        table.labels.withUnsafeBufferPointer { labels in
            for position in 0..<rows { buffers.labels[position] = labels[Int(index(position))] }
        }
        switch table.features {
        case .bytes(let values, let scale):
            values.withUnsafeBufferPointer { values in
                guard let base = values.baseAddress else { return }
                for position in 0..<rows {
                    let from = base + Int(index(position)) * shape.count
                    let to = input.image(position)
                    ckl_gather_bytes(from, shape.channels, shape.height, shape.width, scale, to, row, pixel)
                }
            }
        case .floats(let values):
            values.withUnsafeBufferPointer { values in
                guard let base = values.baseAddress else { return }
                for position in 0..<rows {
                    let from = base + Int(index(position)) * shape.count
                    ckl_gather_floats(
                        from,
                        shape.channels,
                        shape.height,
                        shape.width,
                        input.image(position),
                        row,
                        pixel
                    )
                }
            }
        }
    }

    func forward(rows: Int) { forward(rows: rows, layerCount: layers.count) }

    func forwardFeatures(rows: Int) { forward(rows: rows, layerCount: layers.count - 1) }

    private func forward(rows: Int, layerCount: Int) {
        let pass = forwardPass(rows: rows)
        for layer in layers.prefix(layerCount) { layer.forward(pass) }
    }

    private func forwardPass(rows: Int) -> ForwardPass {
        ForwardPass(
            buffers: buffers,
            rows: rows,
            values: values,
            isTraining: trainingSeed != nil,
            dropoutKey: dropoutKey
        )
    }

    /// Sends the batch through one layer once more, with a step that changes nothing.
    func run(layer: Int, rows: Int, isForward: Bool) {
        guard !isForward else { return layers[layer].forward(forwardPass(rows: rows)) }
        let settings = ckt_step(learning_rate: 0, decay: 0, momentum: 0)
        let step = ParameterStep(settings: settings, velocity: nil, offset: nil)
        layers[layer].backward(
            BackwardPass(buffers: buffers, rows: rows, values: values, step: step, reachesInput: false)
        )
    }

    func logitBatch(rows: Int) -> LogitBatch {
        let buffers = buffers
        let logits = buffers.outputs[plan.last]
        return LogitBatch(
            rowCount: rows,
            paddedRowCount: DenseKernels.paddedRows(rows),
            classCount: model.classCount,
            stride: logits.imageStride,
            labels: buffers.labels,
            logits: logits.base,
            probabilities: buffers.probabilities,
            gradient: buffers.gradients[plan.last].base
        )
    }

    func evaluate(rows: Int, correct: inout Int) -> Double {
        let logits = buffers.outputs[plan.last]
        return ckt_evaluate(logits.base, logits.imageStride, rows, model.classCount, buffers.labels, &correct)
    }
}
