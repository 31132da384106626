// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Glibc

/// A dense layer over all values of a node, with a ReLU after it where the plan has one.
///
/// PyTorch numbers the values of an image by channel, row, column; in memory the channels lie innermost. The weights
/// are packed in the order of memory, so that no activation is moved.
final class DenseLayer: NetworkLayer {
    private let node: Int
    private let input: Int
    private let source: NetworkPlan.Shape
    private let outputs: Int
    private let rectifies: Bool
    /// Whether its input comes from a ReLU: the kernel may then drop gradients where the input is zero.
    private let inputIsRectified: Bool
    private let kernels: DenseKernels
    private var buffers: Buffers?
    var packedOffset = 0

    private struct Buffers {
        let scratch: UnsafeMutablePointer<Float>
        /// Stands for an input whose gradient passes everywhere.
        let ones: UnsafeMutablePointer<Float>?
    }

    init(
        node: Int,
        input: Int,
        source: NetworkPlan.Shape,
        outputs: Int,
        rectifies: Bool,
        inputIsRectified: Bool,
        kernels: DenseKernels
    ) {
        self.node = node
        self.input = input
        self.source = source
        self.outputs = outputs
        self.rectifies = rectifies
        self.inputIsRectified = inputIsRectified
        self.kernels = kernels
    }

    private var isImage: Bool { source.height * source.width > 1 }
    /// The values of a sample in memory, an image's with the channels' padding.
    private var inputs: Int {
        isImage ? source.height * source.width * ImageBuffer.Layout.padded(source.channels) : source.channels
    }
    private var paddedInputs: Int { DenseKernels.padded(inputs) }
    private var paddedOutputs: Int { DenseKernels.padded(outputs) }
    private var weightCount: Int { paddedInputs * paddedOutputs }
    var packedCount: Int { weightCount + paddedOutputs }

    func allocate(rows: Int, from allocator: inout BufferAllocator) {
        let batch = DenseKernels.padded(rows)
        let scratch = allocator.floats(batch * (paddedInputs + paddedOutputs))
        let ones = inputIsRectified ? nil : allocator.floats(batch * paddedInputs)
        buffers = Buffers(scratch: scratch, ones: ones)
    }

    // MARK: Parameters

    func pack(_ tensors: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>) {
        let bias = outputs * source.count
        (packed + weightCount).update(from: tensors + bias, count: outputs)
        guard isImage else { return kernels.pack(tensors, outputs, inputs, packed) }
        ckt_pack_image(tensors, outputs, source.channels, pixels, packed)
    }

    func unpackDifference(
        _ packed: UnsafePointer<Float>,
        from start: UnsafePointer<Float>?,
        into out: UnsafeMutablePointer<Float>
    ) {
        let bias = outputs * source.count
        for output in 0..<outputs {
            out[bias + output] = packed[weightCount + output] - (start?[bias + output] ?? 0)
        }
        guard isImage else { return kernels.unpackDifference(packed, start, out, outputs, inputs) }
        ckt_unpack_image_difference(packed, start, outputs, source.channels, pixels, out)
    }

    private var pixels: Int { source.height * source.width }

    // MARK: Passes

    /// Zeroes the rows between a batch's and what the kernels round them up to.
    ///
    /// An earlier batch may have left anything there.
    private func clearPadding(_ buffer: ImageBuffer, rows: Int) {
        let padded = DenseKernels.paddedRows(rows)
        buffer.image(rows).update(repeating: 0, count: (padded - rows) * buffer.imageStride)
    }

    func forward(_ pass: ForwardPass) {
        let x = pass.buffers.outputs[input]
        let weights = pass.values + packedOffset
        clearPadding(x, rows: pass.rows)
        kernels.forward(
            x.base,
            x.imageStride,
            weights,
            weights + weightCount,
            pass.buffers.outputs[node].base,
            DenseKernels.paddedRows(pass.rows),
            inputs,
            outputs,
            rectifies ? 1 : 0
        )
    }

    func backward(_ pass: BackwardPass) {
        guard let buffers else { preconditionFailure("room for a batch is reserved before it is used") }
        let rows = DenseKernels.paddedRows(pass.rows)
        let (x, dy) = (pass.buffers.outputs[input], pass.buffers.gradients[node])
        let weights = pass.values + packedOffset
        if rectifies {
            var extent = dy.extent(rows: pass.rows)
            var (output, gradient) = (pass.buffers.outputs[node].view, dy.view)
            ckl_rectify_gradient(&extent, &output, &gradient)
        }
        clearPadding(dy, rows: pass.rows)
        let passing = buffers.ones.map { UnsafePointer($0) } ?? UnsafePointer(x.base)
        let wantsInput = pass.wantsGradient(of: input)
        if wantsInput { buffers.ones?.update(repeating: 1, count: rows * paddedInputs) }
        guard let step = pass.step else {
            guard wantsInput else { return }
            let dx = pass.buffers.gradients[input].base
            kernels.inputGradient(dy.base, weights, passing, dx, buffers.scratch, rows, inputs, outputs)
            return
        }
        withUnsafePointer(to: step.settings) { settings in
            let velocity = step.velocity.map { $0 + packedOffset }
            let offset = step.offset.map { $0 + packedOffset }
            if wantsInput {
                kernels.backward(
                    x.base,
                    x.imageStride,
                    dy.base,
                    weights,
                    velocity,
                    offset,
                    settings,
                    passing,
                    pass.buffers.gradients[input].base,
                    buffers.scratch,
                    rows,
                    inputs,
                    outputs
                )
            } else {
                kernels.updateWeights(
                    x.base,
                    x.imageStride,
                    dy.base,
                    weights,
                    velocity,
                    offset,
                    settings,
                    rows,
                    inputs,
                    outputs
                )
            }
            kernels.updateBias(
                dy.base,
                weights + weightCount,
                velocity.map { $0 + weightCount },
                offset.map { $0 + weightCount },
                settings,
                rows,
                outputs
            )
        }
    }
}
