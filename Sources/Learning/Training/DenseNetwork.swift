// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import ModelState

/// The dense layers of one thread: parameters in the kernels' layout and all buffers that a step needs.
///
/// Memory is allocated when parameters are first loaded and when a larger batch comes, never in a step.
final class DenseNetwork {
    /// Where a layer's parameters lie in the packed block.
    struct Layer {
        let inputs: Int
        let outputs: Int
        let weight: Int
        let bias: Int
        var paddedInputs: Int { DenseKernels.padded(inputs) }
        var paddedOutputs: Int { DenseKernels.padded(outputs) }
    }

    /// The buffers of a batch of up to `rows` rows. A class: its users would count references to each array in it.
    final class BatchBuffers {
        let arena: FloatArena
        let rows: Int
        /// The input, then each layer's output.
        let activations: [UnsafeMutablePointer<Float>]
        let probabilities: UnsafeMutablePointer<Float>
        /// Two gradients with respect to a layer's output, used in turns.
        let gradients: [UnsafeMutablePointer<Float>]
        let scratch: UnsafeMutablePointer<Float>
        let labels: UnsafeMutablePointer<Int32>
        let indices: UnsafeMutablePointer<UInt32>
        /// Where each layer's input is not zero.
        let masks: [ColumnMasks]

        init(rows: Int, inputs: [Int], outputs: [Int], logitStride: Int) {
            let widest = outputs.max() ?? 0
            let scratch = zip(inputs, outputs).dropFirst().map { rows * ($0 + $1) }.max() ?? 0
            let sizes =
                [rows * inputs[0]] + outputs.map { rows * $0 } + [
                    rows * logitStride, rows * widest, rows * widest, scratch,
                ]
                + [rows, rows] + inputs.map { ColumnMasks.wordCount(rows: rows, paddedInputs: $0) }
            let arena = FloatArena(capacity: sizes.map(FloatArena.footprint).reduce(0, +))
            self.arena = arena
            self.rows = rows
            activations = [arena.take(rows * inputs[0])] + outputs.map { arena.take(rows * $0) }
            probabilities = arena.take(rows * logitStride)
            gradients = [arena.take(rows * widest), arena.take(rows * widest)]
            self.scratch = arena.take(scratch)
            labels = UnsafeMutableRawPointer(arena.take(rows)).bindMemory(to: Int32.self, capacity: rows)
            indices = UnsafeMutableRawPointer(arena.take(rows)).bindMemory(to: UInt32.self, capacity: rows)
            masks = inputs.map { ColumnMasks(arena: arena, rows: rows, paddedInputs: $0) }
        }
    }

    /// Packed parameters and what the optimizer keeps beside them, all in the same layout.
    struct ParameterBuffers {
        let arena: FloatArena
        let values: UnsafeMutablePointer<Float>
    }

    let model: ModelArchitecture
    let layers: [Layer]
    let packedCount: Int
    let kernels: DenseKernels
    private var parameters: ParameterBuffers?
    /// Where the parameters are instead, while they are trained in place.
    private var place: UnsafeMutablePointer<Float>?
    /// What the clients of a cohort start from, packed.
    private var start: ParameterBuffers?
    var velocity: ParameterBuffers?
    var offset: ParameterBuffers?
    private var batch: BatchBuffers?
    /// Where a gradient is collected and the parameters wait meanwhile; see DenseNetwork+Methods.swift.
    var collected: ParameterBuffers?
    var remembered: ParameterBuffers?

    init(_ model: ModelArchitecture, kernels: DenseKernels) {
        self.model = model
        self.kernels = kernels
        var layers: [Layer] = []
        var total = 0
        for layer in model.layers {
            let weightCount = DenseKernels.padded(layer.inputs) * DenseKernels.padded(layer.outputs)
            layers.append(
                Layer(inputs: layer.inputs, outputs: layer.outputs, weight: total, bias: total + weightCount)
            )
            total += weightCount + DenseKernels.padded(layer.outputs)
        }
        self.layers = layers
        packedCount = total
    }

    /// The stride between rows of the logits, their gradient and the probabilities.
    var logitStride: Int { layers.last?.paddedOutputs ?? 0 }

    // MARK: Parameters

    /// Loads parameters; no velocity, no offset.
    func load(_ vector: ParameterVector) {
        let target = parameters ?? makeParameterBuffers()
        parameters = target
        place = nil
        pack(vector, into: target.values)
    }

    /// Keeps the parameters from which ``restart()`` begins.
    func loadStart(_ vector: ParameterVector) {
        let target = start ?? makeParameterBuffers()
        start = target
        pack(vector, into: target.values)
    }

    /// Loads what ``loadStart(_:)`` kept; no velocity, the offset stays.
    ///
    /// - Parameter place: where the parameters are until the next restart; nil for memory of its own.
    func restart(in place: UnsafeMutablePointer<Float>? = nil) {
        guard let start else { preconditionFailure("a start is loaded before it is used") }
        self.place = place
        if place == nil, parameters == nil { parameters = makeParameterBuffers() }
        values.update(from: start.values, count: packedCount)
        velocity?.values.update(repeating: 0, count: packedCount)
    }

    /// Adds `coefficient * (parameters - start)` to a sum in the packed layout; false, and nothing added, if the
    /// difference is not finite.
    func addDifference(times coefficient: Double, to sum: UnsafeMutableBufferPointer<Double>) -> Bool {
        guard let start else { preconditionFailure("a start is loaded before it is used") }
        precondition(sum.count == packedCount, "the sum is in the packed layout")
        return ckt_add_difference(sum.baseAddress, values, start.values, coefficient, packedCount) != 0
    }

    /// Adds `coefficient * (trained - start)` for a run of the packed parameters that begins at `first`.
    func addDifference(
        of trained: UnsafePointer<Float>,
        from first: Int,
        times coefficient: Double,
        to sum: UnsafeMutableBufferPointer<Double>
    ) {
        guard let start, let target = sum.baseAddress else {
            preconditionFailure("a start is loaded before it is used")
        }
        precondition(first >= 0 && first + sum.count <= packedCount, "the run lies in the packed layout")
        ckt_accumulate_difference(target, trained, start.values + first, coefficient, sum.count)
    }

    /// A sum of packed parameters in the model's layout.
    func unpack(_ sum: UnsafeBufferPointer<Double>) -> [Double] {
        precondition(sum.count == packedCount, "the sum is in the packed layout")
        return [Double](unsafeUninitializedCapacity: model.layout.elementCount) { target, count in
            count = model.layout.elementCount
            guard let target = target.baseAddress, let sum = sum.baseAddress else { return }
            for (index, layer) in layers.enumerated() {
                let weight = target + model.layout.range(of: 2 * index).lowerBound
                let bias = target + model.layout.range(of: 2 * index + 1).lowerBound
                ckt_unpack_sum(sum + layer.weight, weight, layer.outputs, layer.inputs)
                bias.update(from: sum + layer.bias, count: layer.outputs)
            }
        }
    }

    /// Prepares the optimizer's state: a zero velocity where momentum needs one, the gradient's constant part.
    func prepareStep(momentum: Bool, offset vector: ParameterVector?) {
        if momentum {
            let target = velocity ?? makeParameterBuffers()
            target.values.update(repeating: 0, count: packedCount)
            velocity = target
        } else {
            velocity = nil
        }
        guard let vector else {
            offset = nil
            return
        }
        let target = offset ?? makeParameterBuffers()
        pack(vector, into: target.values)
        offset = target
    }

    /// Lets go of all buffers: after a divergence their padding, which loading leaves as it is, may hold NaN.
    func discardBuffers() {
        parameters = nil
        velocity = nil
        offset = nil
        collected = nil
        remembered = nil
        batch = nil
    }

    /// Lets go of the batch's buffers, which may hold NaN after a divergence.
    ///
    /// All else is written anew by ``restart()``.
    func discardBatch() { batch = nil }

    func makeParameterBuffers() -> ParameterBuffers {
        let arena = FloatArena(capacity: FloatArena.footprint(packedCount))
        return ParameterBuffers(arena: arena, values: arena.take(packedCount))
    }

    private func pack(_ vector: ParameterVector, into packed: UnsafeMutablePointer<Float>) {
        precondition(vector.count == model.layout.elementCount, "parameters must have the model's layout")
        vector.withElements { elements in
            guard let base = elements.baseAddress else { return }
            for (index, layer) in layers.enumerated() {
                let weight = model.layout.range(of: 2 * index)
                let bias = model.layout.range(of: 2 * index + 1)
                kernels.pack(base + weight.lowerBound, layer.outputs, layer.inputs, packed + layer.weight)
                (packed + layer.bias).update(from: base + bias.lowerBound, count: layer.outputs)
            }
        }
    }

    /// Writes `parameters - start` in the model's layout.
    func writeDifference(from start: ParameterVector, into out: UnsafeMutableBufferPointer<Float>) {
        precondition(out.count == start.count, "the difference has the model's layout")
        guard let parameters, let target = out.baseAddress else { return }
        start.withElements { elements in
            guard let base = elements.baseAddress else { return }
            for (index, layer) in layers.enumerated() {
                let weight = model.layout.range(of: 2 * index).lowerBound
                let bias = model.layout.range(of: 2 * index + 1).lowerBound
                kernels.unpackDifference(
                    parameters.values + layer.weight,
                    base + weight,
                    target + weight,
                    layer.outputs,
                    layer.inputs
                )
                ck_subtract(target + bias, parameters.values + layer.bias, base + bias, layer.outputs)
            }
        }
    }

    // MARK: A batch

    /// Makes room for batches of up to `rows` rows.
    func reserve(rows: Int) {
        guard (batch?.rows ?? 0) < rows else { return }
        batch = BatchBuffers(
            rows: DenseKernels.padded(rows),
            inputs: layers.map(\.paddedInputs),
            outputs: layers.map(\.paddedOutputs),
            logitStride: logitStride
        )
    }

    var buffers: BatchBuffers {
        guard let batch else { preconditionFailure("room for a batch is reserved before it is used") }
        return batch
    }

    var values: UnsafeMutablePointer<Float> {
        if let place { return place }
        guard let parameters else { preconditionFailure("parameters are loaded before they are used") }
        return parameters.values
    }

    /// Asks for samples to be brought near.
    func prefetch(_ view: SampleView, _ rows: UnsafeBufferPointer<UInt32>) {
        for row in rows { ckt_prefetch(view.start(of: row), view.sampleBytes) }
    }

    /// Takes samples of a table as the next batch.
    func gather(_ table: SampleTable, rows: Int, index: (Int) -> UInt32) {
        let indices = buffers.indices
        precondition(rows <= buffers.rows, "room for a batch is reserved before it is used")
        for row in 0..<rows { indices[row] = index(row) }
        table.withView { gather($0, UnsafeBufferPointer(start: indices, count: rows)) }
    }

    /// Takes samples as the next batch.
    ///
    /// - Parameter coming: how many indices follow in memory, of samples that are taken next: they are brought near.
    func gather(_ view: SampleView, _ rows: UnsafeBufferPointer<UInt32>, coming: Int = 0) {
        let buffers = buffers
        precondition(rows.count <= buffers.rows, "room for a batch is reserved before it is used")
        for (row, sample) in rows.enumerated() { buffers.labels[row] = view.labels[Int(sample)] }
        let (indices, width, stride) = (rows.baseAddress, layers[0].inputs, layers[0].paddedInputs)
        let padded = DenseKernels.paddedRows(rows.count)
        let input = buffers.activations[0]
        if let bytes = view.bytes {
            ckt_gather_bytes(bytes, width, indices, rows.count, coming, padded, view.scale, input, stride)
        } else {
            ckt_gather_floats(view.floats, width, indices, rows.count, coming, padded, input, stride)
        }
    }

    /// Whether zeros are left out of the batch's products with a layer's input.
    func leavesZerosOut(layer index: Int) -> Bool { buffers.masks[index].isSparse }

    /// Computes the logits of the batch.
    func forward(rows: Int) { forward(rows: rows, layerCount: layers.count) }

    /// Computes the outputs of the first layers.
    func forward(rows: Int, layerCount: Int) {
        let buffers = buffers
        let padded = DenseKernels.paddedRows(rows)
        for (index, layer) in layers.prefix(layerCount).enumerated() {
            buffers.masks[index].find(in: buffers.activations[index], rows: padded, layer: layer, kernels: kernels)
            forward(layer: index, rows: padded)
        }
    }

    /// One layer's outputs; `rows` are padded.
    func forward(layer index: Int, rows: Int) {
        let (buffers, layer) = (buffers, layers[index])
        let forward = buffers.masks[index].isSparse ? kernels.sparseForward : kernels.forward
        forward(
            buffers.activations[index],
            layer.paddedInputs,
            values + layer.weight,
            values + layer.bias,
            buffers.activations[index + 1],
            rows,
            layer.inputs,
            layer.outputs,
            index == layers.count - 1 ? 0 : 1
        )
    }

    /// The batch's logits with room for probabilities and gradient.
    func logitBatch(rows: Int) -> LogitBatch {
        let buffers = buffers
        return LogitBatch(
            rowCount: rows,
            paddedRowCount: DenseKernels.paddedRows(rows),
            classCount: model.classCount,
            stride: logitStride,
            labels: buffers.labels,
            logits: buffers.activations[layers.count],
            probabilities: buffers.probabilities,
            gradient: buffers.gradients[0]
        )
    }

    /// Adds the batch's cross-entropy and correct answers.
    func evaluate(rows: Int, correct: inout Int) -> Double {
        let buffers = buffers
        return ckt_evaluate(
            buffers.activations[layers.count],
            logitStride,
            rows,
            model.classCount,
            buffers.labels,
            &correct
        )
    }

    /// One SGD step from the gradient that lies in the batch's `gradient`.
    ///
    /// - Parameter featureGradient: a further gradient with respect to the features, laid out as
    ///   ``featureBatch(rows:)`` has them; nil for none.
    func backwardAndStep(
        rows: Int,
        learningRate: Float,
        decay: Float,
        momentum: Float,
        featureGradient: UnsafePointer<Float>? = nil
    ) {
        let padded = DenseKernels.paddedRows(rows)
        let step = ckt_step(learning_rate: learningRate, decay: decay, momentum: momentum)
        for index in stride(from: layers.count - 1, through: 0, by: -1) {
            // The gradient of the layer below needs the weights from before the step.
            if index > 0 { inputGradient(layer: index, rows: padded) }
            if index > 0, index == layers.count - 1, let featureGradient {
                addFeatureGradient(featureGradient, rows: rows, to: outputGradient(layer: index - 1))
            }
            updateWeights(layer: index, step, rows: padded)
            updateBias(layer: index, step, rows: padded)
        }
    }

    /// The buffer of the gradient with respect to a layer's output.
    private func outputGradient(layer index: Int) -> UnsafeMutablePointer<Float> {
        buffers.gradients[(layers.count - 1 - index) % 2]
    }

    /// The gradient with respect to the input of a layer that is not the first; `rows` are padded.
    func inputGradient(layer index: Int, rows: Int) {
        let layer = layers[index]
        kernels.inputGradient(
            outputGradient(layer: index),
            values + layer.weight,
            buffers.activations[index],
            outputGradient(layer: index - 1),
            buffers.scratch,
            rows,
            layer.inputs,
            layer.outputs
        )
    }

    /// A step of a layer's weights; `rows` are padded.
    func updateWeights(layer index: Int, _ step: ckt_step, rows: Int) {
        let (layer, masks) = (layers[index], buffers.masks[index])
        let (input, gradient) = (buffers.activations[index], outputGradient(layer: index))
        let weights = values + layer.weight
        let velocity = velocity.map { $0.values + layer.weight }
        let offset = offset.map { UnsafePointer($0.values + layer.weight) }
        let (stride, inputs, outputs) = (layer.paddedInputs, layer.inputs, layer.outputs)
        var step = step
        if masks.isSparse {
            kernels.sparseUpdateWeights(
                input,
                stride,
                masks.words,
                gradient,
                weights,
                velocity,
                offset,
                &step,
                rows,
                inputs,
                outputs
            )
        } else {
            kernels.updateWeights(
                input,
                stride,
                gradient,
                weights,
                velocity,
                offset,
                &step,
                rows,
                inputs,
                outputs
            )
        }
    }

    private func updateBias(layer index: Int, _ step: ckt_step, rows: Int) {
        let layer = layers[index]
        var step = step
        kernels.updateBias(
            outputGradient(layer: index),
            values + layer.bias,
            velocity.map { $0.values + layer.bias },
            offset.map { UnsafePointer($0.values + layer.bias) },
            &step,
            rows,
            layer.outputs
        )
    }
}
