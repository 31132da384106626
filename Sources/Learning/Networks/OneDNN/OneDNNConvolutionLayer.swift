// SPDX-License-Identifier: Apache-2.0
#if ONEDNN

internal import CDNNL
internal import CKernels

/// A convolution on oneDNN, with a ReLU and a max pooling after it where the plan has them.
///
/// oneDNN's fastest kernels read and write images that lie densely: the nodes around have no borders, and what is to be
/// pooled stands in a buffer of the layer, which on the way back takes its gradient.
final class OneDNNConvolutionLayer: OneDNNLayer {
    private let spec: NetworkPlan.Convolution
    private let node: Int
    private let input: Int
    private let inputLayout: ImageBuffer.Layout
    /// The extents before pooling.
    private let height: Int
    private let width: Int
    /// Whether its input's gradient adds to what stands there.
    private let accumulates: Bool
    let product: OneDNNProduct
    private var buffers: Buffers?
    var packedOffset = 0

    /// What it keeps for a batch.
    private struct Buffers {
        /// Of the parameters.
        let gradient: UnsafeMutablePointer<Float>
        /// The output before pooling, then its gradient.
        let unpooled: ImageBuffer?
        /// Where each window's largest value stood, for each image.
        let which: UnsafeMutablePointer<UInt8>
        /// The input's gradient before it is added to another branch's.
        let branch: UnsafeMutablePointer<Float>?
    }

    init(
        _ spec: NetworkPlan.Convolution,
        node: Int,
        input: Int,
        inputLayout: ImageBuffer.Layout,
        accumulates: Bool,
        worker: OneDNNWorker
    ) {
        precondition(inputLayout.before == 0 && inputLayout.after == 0, "oneDNN reads images without borders")
        self.spec = spec
        self.node = node
        self.input = input
        self.inputLayout = inputLayout
        self.accumulates = accumulates
        height = spec.extent(of: inputLayout.height)
        width = spec.extent(of: inputLayout.width)
        let weights = OneDNNProduct.Weights(
            outputs: spec.outputs,
            channels: inputLayout.channels,
            memoryChannels: inputLayout.pixel,
            taps: spec.kernel * spec.kernel,
            hasBias: spec.hasBias
        )
        let shape = cdnnl_shape(
            channels: inputLayout.pixel,
            height: inputLayout.height,
            width: inputLayout.width,
            outputs: weights.paddedOutputs,
            kernel: spec.kernel,
            stride: spec.stride,
            padding: spec.padding,
            bias: spec.hasBias ? 1 : 0,
            relu: spec.rectifies && spec.pool == 1 ? 1 : 0
        )
        product = OneDNNProduct(weights, shape: shape, worker: worker)
    }

    private var pooling: MaxPooling {
        MaxPooling(
            side: spec.pool,
            height: height / spec.pool,
            width: width / spec.pool,
            channels: ImageBuffer.Layout.padded(spec.outputs),
            rectifies: spec.rectifies
        )
    }
    private var isCut: Bool { height % spec.pool != 0 || width % spec.pool != 0 }

    // MARK: Buffers

    func allocate(rows: Int, from allocator: inout BufferAllocator) {
        let isPooled = spec.pool > 1
        let whole = ImageBuffer.Layout(.init(channels: spec.outputs, height: height, width: width))
        buffers = Buffers(
            gradient: allocator.floats(packedCount),
            unpooled: isPooled ? ImageBuffer(whole, images: rows, from: &allocator) : nil,
            which: allocator.values(UInt8.self, isPooled ? rows * pooling.count : 0),
            branch: accumulates ? allocator.floats(rows * inputLayout.imageCount) : nil
        )
    }

    private var kept: Buffers {
        guard let buffers else { preconditionFailure("room for a batch is reserved before it is used") }
        return buffers
    }

    // MARK: Passes

    func forward(_ pass: ForwardPass) {
        let kept = kept
        let (x, y) = (pass.buffers.outputs[input], pass.buffers.outputs[node])
        let whole = kept.unpooled ?? y
        product.forward(x.base, pass.values + packedOffset, into: whole.base, rows: pass.rows)
        guard kept.unpooled != nil else { return }
        let pooling = pooling
        for image in 0..<pass.rows {
            pooling.pool(whole, into: y, image: image, which: kept.which)
        }
    }

    func backward(_ pass: BackwardPass) {
        let kept = kept
        let dy = outputGradient(pass, kept)
        let parameters = UnsafePointer(pass.values + packedOffset)
        // The step changes the weights that the input's gradient is made of.
        if pass.wantsGradient(of: input) {
            let dx = pass.buffers.gradients[input]
            product.inputGradient(dy, parameters, into: kept.branch ?? dx.base, rows: pass.rows)
            if let branch = kept.branch { ck_axpy(dx.base, branch, 1, pass.rows * dx.imageStride) }
        }
        guard let step = pass.step else { return }
        product.parameterGradient(pass.buffers.outputs[input].base, dy, into: kept.gradient, rows: pass.rows)
        step.apply(kept.gradient, to: pass.values, at: packedOffset, count: packedCount)
    }

    /// The gradient of what the product gave, without what the ReLU and the pooling stop.
    private func outputGradient(_ pass: BackwardPass, _ kept: Buffers) -> UnsafePointer<Float> {
        let (y, gradient) = (pass.buffers.outputs[node], pass.buffers.gradients[node])
        guard let whole = kept.unpooled else {
            if spec.rectifies {
                var extent = gradient.extent(rows: pass.rows)
                var (output, view) = (y.view, gradient.view)
                ckl_rectify_gradient(&extent, &output, &view)
            }
            return UnsafePointer(gradient.base)
        }
        let pooling = pooling
        // What fills no window has no gradient, and the way forward left its values there.
        if isCut { whole.base.update(repeating: 0, count: pass.rows * whole.imageStride) }
        for image in 0..<pass.rows {
            pooling.unpool(gradient, y, image: image, which: kept.which, into: whole, at: image)
        }
        return UnsafePointer(whole.base)
    }
}

#endif
