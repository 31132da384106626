// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Max pooling without overlap; what does not fill a window is left out.
final class MaxPoolLayer: NetworkLayer {
    private let node: Int
    private let input: Int
    private let side: Int
    private let shape: NetworkPlan.Shape
    private var which: UnsafeMutablePointer<UInt8>?
    let packedCount = 0
    var packedOffset = 0

    init(node: Int, input: Int, side: Int, shape: NetworkPlan.Shape) {
        self.node = node
        self.input = input
        self.side = side
        self.shape = shape
    }

    private var padded: Int { ImageBuffer.Layout.padded(shape.channels) }
    private var imageCount: Int { shape.height * shape.width * padded }

    func allocate(rows: Int, from allocator: inout BufferAllocator) {
        which = allocator.values(UInt8.self, rows * imageCount)
    }

    func forward(_ pass: ForwardPass) {
        let (x, y) = (pass.buffers.outputs[input], pass.buffers.outputs[node])
        for image in 0..<pass.rows {
            ckc_max_pool(
                x.image(image),
                x.rowStride,
                x.pixelStride,
                side,
                shape.height,
                shape.width,
                padded,
                y.image(image),
                y.rowStride,
                y.pixelStride,
                which.map { $0 + image * imageCount },
                0
            )
        }
    }

    func backward(_ pass: BackwardPass) {
        let (dx, dy) = (pass.buffers.gradients[input], pass.buffers.gradients[node])
        let y = pass.buffers.outputs[node]
        for image in 0..<pass.rows {
            ckc_max_pool_gradient(
                dy.image(image),
                dy.rowStride,
                dy.pixelStride,
                y.image(image),
                y.rowStride,
                y.pixelStride,
                which.map { $0 + image * imageCount },
                side,
                shape.height,
                shape.width,
                padded,
                dx.image(image),
                dx.rowStride,
                dx.pixelStride,
                0
            )
        }
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
