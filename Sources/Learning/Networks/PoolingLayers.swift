// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Max pooling without overlap; what does not fill a window is left out.
final class MaxPoolLayer: NetworkLayer {
    private let node: Int
    private let input: Int
    private let pooling: MaxPooling
    private var which: UnsafeMutablePointer<UInt8>?
    let packedCount = 0
    var packedOffset = 0

    init(node: Int, input: Int, side: Int, shape: NetworkPlan.Shape) {
        self.node = node
        self.input = input
        pooling = MaxPooling(
            side: side,
            height: shape.height,
            width: shape.width,
            channels: ImageBuffer.Layout.padded(shape.channels)
        )
    }

    func allocate(rows: Int, from allocator: inout BufferAllocator) {
        which = allocator.values(UInt8.self, rows * pooling.count)
    }

    private var winners: UnsafeMutablePointer<UInt8> {
        guard let which else { preconditionFailure("room for a batch is reserved before it is used") }
        return which
    }

    func forward(_ pass: ForwardPass) {
        let (x, y) = (pass.buffers.outputs[input], pass.buffers.outputs[node])
        for image in 0..<pass.rows { pooling.pool(x, into: y, image: image, which: winners) }
    }

    func backward(_ pass: BackwardPass) {
        let (dx, dy) = (pass.buffers.gradients[input], pass.buffers.gradients[node])
        let y = pass.buffers.outputs[node]
        for image in 0..<pass.rows { pooling.unpool(dy, y, image: image, which: winners, into: dx, at: image) }
    }
}

/// The mean over an image's pixels, for each channel.
final class AveragePoolLayer: NetworkLayer {
    private let node: Int
    private let input: Int
    let packedCount = 0
    var packedOffset = 0

    init(node: Int, input: Int) {
        self.node = node
        self.input = input
    }

    func allocate(rows: Int, from allocator: inout BufferAllocator) {}

    func forward(_ pass: ForwardPass) {
        let x = pass.buffers.outputs[input]
        var (extent, view) = (x.extent(rows: pass.rows), x.view)
        ckl_average_pool(&extent, &view, pass.buffers.outputs[node].base)
    }

    func backward(_ pass: BackwardPass) {
        let dx = pass.buffers.gradients[input]
        var (extent, view) = (dx.extent(rows: pass.rows), dx.view)
        ckl_average_pool_gradient(&extent, pass.buffers.gradients[node].base, &view)
    }
}
