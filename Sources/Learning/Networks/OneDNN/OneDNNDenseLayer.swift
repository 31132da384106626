// SPDX-License-Identifier: Apache-2.0
#if ONEDNN

internal import CDNNL
internal import CKernels

/// A dense layer on oneDNN over all values of a node, with a ReLU after it where the plan has one.
final class OneDNNDenseLayer: OneDNNLayer {
    private let node: Int
    private let input: Int
    private let rectifies: Bool
    let product: OneDNNProduct
    private var gradient: UnsafeMutablePointer<Float>?
    var packedOffset = 0

    init(
        node: Int,
        input: Int,
        source: NetworkPlan.Shape,
        outputs: Int,
        rectifies: Bool,
        worker: OneDNNWorker
    ) {
        self.node = node
        self.input = input
        self.rectifies = rectifies
        let weights = OneDNNProduct.Weights(
            outputs: outputs,
            channels: source.channels,
            memoryChannels: ImageBuffer.Layout.padded(source.channels),
            taps: source.height * source.width,
            hasBias: true
        )
        let shape = cdnnl_shape(
            channels: weights.memoryChannels,
            height: source.height,
            width: source.width,
            outputs: weights.paddedOutputs,
            kernel: 0,
            stride: 0,
            padding: 0,
            bias: 1,
            relu: rectifies ? 1 : 0
        )
        product = OneDNNProduct(weights, shape: shape, worker: worker)
    }

    func allocate(rows: Int, from allocator: inout BufferAllocator) {
        gradient = allocator.floats(packedCount)
    }

    func forward(_ pass: ForwardPass) {
        let (x, y) = (pass.buffers.outputs[input], pass.buffers.outputs[node])
        product.forward(x.base, pass.values + packedOffset, into: y.base, rows: pass.rows)
    }

    func backward(_ pass: BackwardPass) {
        guard let gradient else { preconditionFailure("room for a batch is reserved before it is used") }
        let dy = pass.buffers.gradients[node]
        if rectifies {
            var extent = dy.extent(rows: pass.rows)
            var (output, view) = (pass.buffers.outputs[node].view, dy.view)
            ckl_rectify_gradient(&extent, &output, &view)
        }
        // The step changes the weights that the input's gradient is made of.
        if pass.wantsGradient(of: input) {
            let dx = pass.buffers.gradients[input].base
            product.inputGradient(dy.base, pass.values + packedOffset, into: dx, rows: pass.rows)
        }
        guard let step = pass.step else { return }
        product.parameterGradient(pass.buffers.outputs[input].base, dy.base, into: gradient, rows: pass.rows)
        step.apply(gradient, to: pass.values, at: packedOffset, count: packedCount)
    }
}

#endif
