// SPDX-License-Identifier: Apache-2.0
#if ONEDNN

internal import CDNNL
internal import CKernels

/// A convolution or a dense layer of oneDNN, with its parameters in the packed block: weights in the format that
/// oneDNN's way forward prefers, then the bias.
///
/// Primitives are made when a number of rows first comes and kept: a later step with as many allocates nothing of ours.
/// Channels that round a node's number up count as channels: their weights are zero and their gradients stay zero.
final class OneDNNProduct {
    /// The batch that the format of the weights is made for.
    private static let nominalRows = 32

    /// The weights' extents.
    struct Weights {
        let outputs: Int
        let channels: Int
        /// The channels that a pixel of the source has in memory.
        let memoryChannels: Int
        /// A convolution's taps, or the pixels that a dense layer reads.
        let taps: Int
        let hasBias: Bool

        var paddedOutputs: Int { ImageBuffer.Layout.padded(outputs) }
        /// The floats of the weights in the model's layout, where the bias follows.
        var count: Int { outputs * channels * taps }
        var memoryCount: Int { paddedOutputs * memoryChannels * taps }
        var isPadded: Bool { count != memoryCount }
    }

    private let worker: OneDNNWorker
    private let handle: OpaquePointer
    private let weights: Weights
    /// Where the bias begins in the packed parameters.
    private let biasOffset: Int

    init(_ weights: Weights, shape: cdnnl_shape, worker: OneDNNWorker) {
        var shape = shape
        guard let handle = cdnnl_product_create(worker.handle, &shape, Self.nominalRows) else {
            preconditionFailure("oneDNN computes a layer of any extents; memory ran out")
        }
        self.worker = worker
        self.handle = handle
        self.weights = weights
        biasOffset = FloatArena.footprint(cdnnl_weight_count(handle))
        worker.reservePlain(weights.memoryCount)
    }

    deinit { cdnnl_product_free(handle) }

    /// The floats of the packed parameters.
    var packedCount: Int { biasOffset + (weights.hasBias ? weights.paddedOutputs : 0) }

    private func check(_ status: Int32) {
        precondition(status == 0, "oneDNN runs what it made (status \(status)); memory ran out")
    }

    // MARK: Parameters

    func pack(_ tensors: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>) {
        check(cdnnl_pack(handle, weights.isPadded ? spread(tensors) : tensors, packed))
        guard weights.hasBias else { return }
        (packed + biasOffset).update(from: tensors + weights.count, count: weights.outputs)
    }

    /// The weights with zeros for the channels and outputs that exist in memory only.
    private func spread(_ tensors: UnsafePointer<Float>) -> UnsafePointer<Float> {
        let (used, row) = (weights.channels * weights.taps, weights.memoryChannels * weights.taps)
        let plain = worker.plain
        for output in 0..<weights.outputs {
            (plain + output * row).update(from: tensors + output * used, count: used)
            (plain + output * row + used).update(repeating: 0, count: row - used)
        }
        (plain + weights.outputs * row).update(repeating: 0, count: (weights.paddedOutputs - weights.outputs) * row)
        return UnsafePointer(plain)
    }

    func unpackDifference(
        _ packed: UnsafePointer<Float>,
        from start: UnsafePointer<Float>?,
        into out: UnsafeMutablePointer<Float>
    ) {
        check(cdnnl_unpack(handle, packed, weights.isPadded ? worker.plain : out))
        if weights.isPadded {
            let (used, row) = (weights.channels * weights.taps, weights.memoryChannels * weights.taps)
            for output in 0..<weights.outputs {
                (out + output * used).update(from: worker.plain + output * row, count: used)
            }
        }
        if weights.hasBias {
            (out + weights.count).update(from: packed + biasOffset, count: weights.outputs)
        }
        guard let start else { return }
        ck_axpy(out, start, -1, weights.count + (weights.hasBias ? weights.outputs : 0))
    }

    // MARK: Ways

    /// `y = x * weights + bias`, and its ReLU where the shape has one; parameters stand at the layer's own.
    func forward(
        _ x: UnsafePointer<Float>,
        _ parameters: UnsafePointer<Float>,
        into y: UnsafeMutablePointer<Float>,
        rows: Int
    ) {
        check(cdnnl_forward(handle, rows, x, parameters, parameters + biasOffset, y))
    }

    /// Overwrites `dx`.
    func inputGradient(
        _ dy: UnsafePointer<Float>,
        _ parameters: UnsafePointer<Float>,
        into dx: UnsafeMutablePointer<Float>,
        rows: Int
    ) {
        check(cdnnl_backward_data(handle, rows, dy, parameters, dx))
    }

    /// Overwrites the gradient of the packed parameters.
    func parameterGradient(
        _ x: UnsafePointer<Float>,
        _ dy: UnsafePointer<Float>,
        into gradient: UnsafeMutablePointer<Float>,
        rows: Int
    ) {
        check(cdnnl_backward_weights(handle, rows, x, dy, gradient, gradient + biasOffset))
    }
}

#endif
