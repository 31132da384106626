// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Glibc

/// Batch normalisation over images (Ioffe and Szegedy 2015), with a residual and a ReLU after it where the plan has
/// them:
///
///     y = weight * (x - mean) / sqrt(variance + 1e-5) + bias
///
/// In training, mean and (biased) variance are the batch's, and the running ones move by a tenth towards the batch's
/// mean and unbiased variance, as PyTorch has it; in evaluation they are the running ones.
final class BatchNormLayer: NetworkLayer {
    static let epsilon = 1e-5
    static let momentum: Float = 0.1

    private let node: Int
    private let input: Int
    private let residual: Int?
    private let residualAccumulates: Bool
    private let rectifies: Bool
    private let channels: Int
    private var buffers: Buffers?
    private var usedBatch = false
    var packedOffset = 0

    /// A value for each channel, each.
    private struct Buffers {
        let exactMean: UnsafeMutablePointer<Double>
        let exactVariance: UnsafeMutablePointer<Double>
        let sums: UnsafeMutablePointer<Double>
        let products: UnsafeMutablePointer<Double>
        let mean: UnsafeMutablePointer<Float>
        let inverse: UnsafeMutablePointer<Float>
        let scale: UnsafeMutablePointer<Float>
        let shift: UnsafeMutablePointer<Float>
        let slope: UnsafeMutablePointer<Float>
        /// Of weight and bias.
        let gradient: UnsafeMutablePointer<Float>
    }

    init(node: Int, input: Int, residual: Int?, residualAccumulates: Bool, rectifies: Bool, channels: Int) {
        self.node = node
        self.input = input
        self.residual = residual
        self.residualAccumulates = residualAccumulates
        self.rectifies = rectifies
        self.channels = channels
    }

    private var padded: Int { ImageBuffer.Layout.padded(channels) }
    /// Weight, bias, running mean, running variance.
    var packedCount: Int { 4 * padded }
    var trainedCount: Int { 2 * padded }

    func allocate(rows: Int, from allocator: inout BufferAllocator) {
        buffers = Buffers(
            exactMean: allocator.values(Double.self, padded),
            exactVariance: allocator.values(Double.self, padded),
            sums: allocator.values(Double.self, padded),
            products: allocator.values(Double.self, padded),
            mean: allocator.floats(padded),
            inverse: allocator.floats(padded),
            scale: allocator.floats(padded),
            shift: allocator.floats(padded),
            slope: allocator.floats(padded),
            gradient: allocator.floats(2 * padded)
        )
    }

    private var kept: Buffers {
        guard let buffers else { preconditionFailure("room for a batch is reserved before it is used") }
        return buffers
    }

    func pack(_ tensors: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>) {
        for tensor in 0..<4 { (packed + tensor * padded).update(from: tensors + tensor * channels, count: channels) }
    }

    func unpackDifference(
        _ packed: UnsafePointer<Float>,
        from start: UnsafePointer<Float>?,
        into out: UnsafeMutablePointer<Float>
    ) {
        for tensor in 0..<4 {
            for channel in 0..<channels {
                let at = tensor * channels + channel
                out[at] = packed[tensor * padded + channel] - (start?[at] ?? 0)
            }
        }
    }

    // MARK: Forward

    func forward(_ pass: ForwardPass) {
        let kept = kept
        let (x, y) = (pass.buffers.outputs[input], pass.buffers.outputs[node])
        var extent = x.extent(rows: pass.rows)
        var (from, to) = (x.view, y.view)
        let weight = pass.values + packedOffset
        usedBatch = pass.isTraining
        if pass.isTraining {
            ckl_statistics(&extent, &from, kept.exactMean, kept.exactVariance)
            track(count: extent.images * extent.height * extent.width, kept, running: weight + 2 * padded)
        } else {
            for channel in 0..<padded {
                kept.exactMean[channel] = Double(weight[2 * padded + channel])
                // A lossy codec or a server step beyond the mean may bring a variance below zero; NaN stays NaN.
                let variance = Double(weight[3 * padded + channel])
                kept.exactVariance[channel] = variance < 0 ? 0 : variance
            }
        }
        for channel in 0..<padded {
            let inverse = 1 / (kept.exactVariance[channel] + Self.epsilon).squareRoot()
            let scale = Double(weight[channel]) * inverse
            kept.mean[channel] = Float(kept.exactMean[channel])
            kept.inverse[channel] = Float(inverse)
            kept.scale[channel] = Float(scale)
            kept.shift[channel] = Float(Double(weight[padded + channel]) - kept.exactMean[channel] * scale)
        }
        if let residual {
            var added = pass.buffers.outputs[residual].view
            ckl_scale_shift(&extent, &from, kept.scale, kept.shift, &added, &to, rectifies ? 1 : 0)
        } else {
            ckl_scale_shift(&extent, &from, kept.scale, kept.shift, nil, &to, rectifies ? 1 : 0)
        }
    }

    private func track(count: Int, _ kept: Buffers, running: UnsafeMutablePointer<Float>) {
        // A single value has no unbiased variance; its biased one, zero, stands for it.
        let correction = count > 1 ? Double(count) / Double(count - 1) : 1
        for channel in 0..<channels {
            let mean = Float(kept.exactMean[channel])
            let variance = Float(kept.exactVariance[channel] * correction)
            running[channel] += Self.momentum * (mean - running[channel])
            running[padded + channel] += Self.momentum * (variance - running[padded + channel])
        }
    }

    // MARK: Backward

    func backward(_ pass: BackwardPass) {
        let kept = kept
        let (x, dy) = (pass.buffers.outputs[input], pass.buffers.gradients[node])
        var extent = x.extent(rows: pass.rows)
        var (values, gradient) = (x.view, dy.view)
        if rectifies {
            var output = pass.buffers.outputs[node].view
            ckl_rectify_gradient(&extent, &output, &gradient)
        }
        if let residual {
            var target = pass.buffers.gradients[residual].view
            ckl_copy(&extent, &gradient, &target, residualAccumulates ? 1 : 0)
        }
        ckl_normalization_sums(
            &extent,
            &values,
            &gradient,
            kept.mean,
            kept.inverse,
            kept.sums,
            kept.products
        )
        writeInputGradient(pass, kept, &extent, &values, &gradient)
        for channel in 0..<padded {
            kept.gradient[channel] = Float(kept.products[channel])
            kept.gradient[padded + channel] = Float(kept.sums[channel])
        }
        pass.step?.apply(kept.gradient, to: pass.values, at: packedOffset, count: trainedCount)
    }

    /// With batch statistics, of m values each channel:
    ///
    ///     dx = weight * inverse * (dy - sum(dy) / m - xhat * sum(dy * xhat) / m)
    ///
    /// with running statistics `dx = weight * inverse * dy`.
    private func writeInputGradient(
        _ pass: BackwardPass,
        _ kept: Buffers,
        _ extent: inout ckl_extent,
        _ values: inout ckl_view,
        _ gradient: inout ckl_view
    ) {
        let count = Double(extent.images * extent.height * extent.width)
        for channel in 0..<padded {
            let scale = Double(kept.scale[channel])
            let inverse = Double(kept.inverse[channel])
            kept.slope[channel] = usedBatch ? Float(-scale * inverse * kept.products[channel] / count) : 0
            kept.shift[channel] = usedBatch ? Float(-scale * kept.sums[channel] / count) : 0
        }
        var target = pass.buffers.gradients[input].view
        ckl_normalization_gradient(
            &extent,
            &values,
            &gradient,
            kept.mean,
            kept.scale,
            kept.slope,
            kept.shift,
            &target
        )
    }
}
