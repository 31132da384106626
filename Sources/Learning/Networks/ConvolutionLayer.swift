// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Glibc

/// A convolution, with a ReLU and a max pooling after it where the plan has them.
///
/// With pooling, the convolution's own output is never kept: its rows are pooled as they come. On the way back at most
/// one value of a window has a gradient, and none where the ReLU gave zero; the sparse kernels multiply only these.
final class ConvolutionLayer: NetworkLayer {
    let spec: NetworkPlan.Convolution
    let node: Int
    let input: Int
    /// The channels that it reads.
    let channels: Int
    /// The extents before pooling.
    let height: Int
    let width: Int
    /// Whether its input's gradient adds to what stands there.
    let accumulates: Bool
    let kernels: ConvolutionKernels
    var packedOffset = 0
    private(set) var buffers: Buffers?
    private let inputLayout: ImageBuffer.Layout

    /// What it keeps for a batch.
    struct Buffers {
        /// Of the parameters.
        let gradient: UnsafeMutablePointer<Float>
        /// The weights of the way back.
        let flipped: UnsafeMutablePointer<Float>
        /// Where each window's largest value stood, for each image.
        let which: UnsafeMutablePointer<UInt8>
        /// The rows that are pooled together.
        let poolRows: UnsafeMutablePointer<Float>
        /// One image's gradient before pooling.
        let unpooled: ImageBuffer?
        let sparse: SparseBuffers?
        let winograd: WinogradBuffers?
    }

    /// What the sparse gradients need.
    struct SparseBuffers {
        let weights: UnsafeMutablePointer<Float>
        let gradient: UnsafeMutablePointer<Float>
        let winners: ckc_winners
        /// One image's input gradient with the padding around, as far apart as the input's rows.
        let inputGradient: UnsafeMutablePointer<Float>
        let inputGradientCount: Int
    }

    /// What Winograd's way forward needs.
    struct WinogradBuffers {
        /// The weights of each point.
        let weights: UnsafeMutablePointer<Float>
        /// The points of the tiles that are transformed together.
        let scratch: UnsafeMutablePointer<Float>
    }

    init(
        _ spec: NetworkPlan.Convolution,
        node: Int,
        input: Int,
        inputLayout: ImageBuffer.Layout,
        accumulates: Bool,
        kernels: ConvolutionKernels
    ) {
        self.spec = spec
        self.node = node
        self.input = input
        self.inputLayout = inputLayout
        self.accumulates = accumulates
        self.kernels = kernels
        channels = inputLayout.channels
        height = spec.extent(of: inputLayout.height)
        width = spec.extent(of: inputLayout.width)
        precondition(spec.padding < spec.kernel, "a convolution's padding is less than its kernel")
        precondition(spec.pool == 1 || !accumulates, "a pooled convolution is its input's only reader")
    }

    var taps: Int { spec.kernel * spec.kernel }
    var paddedOutputs: Int { ImageBuffer.Layout.padded(spec.outputs) }
    var weightCount: Int { paddedOutputs * channels * taps }
    var packedCount: Int { weightCount + (spec.hasBias ? paddedOutputs : 0) }
    var pooledHeight: Int { height / spec.pool }
    var pooledWidth: Int { width / spec.pool }
    private var windows: Int { pooledHeight * pooledWidth }
    var pooling: MaxPooling {
        MaxPooling(
            side: spec.pool,
            height: pooledHeight,
            width: pooledWidth,
            channels: paddedOutputs,
            rectifies: spec.rectifies
        )
    }
    /// The lines of windows that are convolved before they are pooled: as many as stay near, so that the weights in the
    /// first-level cache serve many positions.
    private var pooledLines: Int {
        let nearby = 1 << 14
        return min(pooledHeight, max(1, nearby / (spec.pool * width * paddedOutputs)))
    }

    /// Whether the kernels that follow a max pooling's winners fit.
    private var followsWinners: Bool {
        spec.pool > 1 && spec.kernel == ConvolutionKernels.sparseKernel && spec.stride == 1
    }
    /// Whether both gradients follow them.
    private var isSparse: Bool { followsWinners && inputLayout.pixel % ConvolutionKernels.padding == 0 }
    /// Whether that of the weights does: the few channels of the network's input stand close together, and their own
    /// gradient is seldom asked for.
    var hasRuns: Bool {
        followsWinners && inputLayout.pixel == channels && spec.kernel * channels <= ConvolutionKernels.padding
    }
    /// Whether its outputs are made in tiles of 2 x 2, which takes 36 products where 100 are usual. One channel would
    /// not be worth the tiles' way in and out.
    private var isWinograd: Bool {
        let isEven = spec.pool == 1 ? height % 2 == 0 && width % 2 == 0 : spec.pool % 2 == 0
        return spec.kernel == ConvolutionKernels.winogradKernel && spec.stride == 1 && isEven
            && channels % ConvolutionKernels.padding == 0
    }
    /// Whether the weights of all taps stay near.
    var isPatch: Bool { paddedOutputs <= Int(CKC_PATCH_OUTPUTS) }
    var spreadCount: Int { paddedOutputs * ImageBuffer.Layout.padded(channels) * taps }

    /// How the gradient of its output before pooling lies in memory for the way back: with zeros between pixels for the
    /// stride and around them for the reversed kernel.
    var gradientLayout: ImageBuffer.Layout {
        var layout = ImageBuffer.Layout(.init(channels: spec.outputs, height: height, width: width))
        layout.dilation = spec.stride
        layout.before = spec.kernel - 1 - spec.padding
        // The last pixel of the input reads this far past the last pixel of the gradient.
        let overhang = [(inputLayout.height, height), (inputLayout.width, width)].map { extent, result in
            extent - 1 + spec.padding - (result - 1) * spec.stride
        }
        layout.after = max(0, overhang.max() ?? 0)
        return layout
    }

    // MARK: Buffers

    func allocate(rows: Int, from allocator: inout BufferAllocator) {
        let isPooled = spec.pool > 1
        buffers = Buffers(
            gradient: allocator.floats(packedCount),
            flipped: allocator.floats(isSparse ? 0 : ImageBuffer.Layout.padded(channels) * taps * spec.outputs),
            which: allocator.values(UInt8.self, isPooled ? rows * windows * paddedOutputs : 0),
            poolRows: allocator.floats(isPooled ? pooledLines * spec.pool * width * paddedOutputs : 0),
            unpooled: isPooled && !isSparse ? ImageBuffer(gradientLayout, images: 1, from: &allocator) : nil,
            sparse: isSparse ? makeSparseBuffers(&allocator) : nil,
            winograd: isWinograd ? makeWinogradBuffers(&allocator) : nil
        )
    }

    private func makeSparseBuffers(_ allocator: inout BufferAllocator) -> SparseBuffers {
        let entries = windows * paddedOutputs
        let places = windows * spec.pool * spec.pool
        let imageCount = (inputLayout.height + 2 * spec.padding) * inputLayout.memoryRow
        return SparseBuffers(
            weights: allocator.floats(spreadCount),
            gradient: allocator.floats(spreadCount),
            winners: ckc_winners(
                output_offset: allocator.values(UInt32.self, entries),
                output_value: allocator.floats(entries),
                output_count: allocator.values(UInt32.self, paddedOutputs),
                place_output: allocator.values(UInt32.self, places * paddedOutputs),
                place_value: allocator.floats(places * paddedOutputs),
                place_count: allocator.values(UInt32.self, places)
            ),
            inputGradient: allocator.floats(imageCount),
            inputGradientCount: imageCount
        )
    }

    private func makeWinogradBuffers(_ allocator: inout BufferAllocator) -> WinogradBuffers {
        let points = Int(CKC_WINOGRAD_POINTS)
        return WinogradBuffers(
            weights: allocator.floats(points * channels * paddedOutputs),
            scratch: allocator.floats(points * Int(CKC_WINOGRAD_TILES) * (channels + paddedOutputs))
        )
    }

    var kept: Buffers {
        guard let buffers else { preconditionFailure("room for a batch is reserved before it is used") }
        return buffers
    }

    // MARK: Parameters

    func pack(_ tensors: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>) {
        ckc_pack(tensors, spec.outputs, channels, taps, packed)
        guard spec.hasBias else { return }
        (packed + weightCount).update(from: tensors + spec.outputs * channels * taps, count: spec.outputs)
    }

    func unpackDifference(
        _ packed: UnsafePointer<Float>,
        from start: UnsafePointer<Float>?,
        into out: UnsafeMutablePointer<Float>
    ) {
        ckc_unpack_difference(packed, start, spec.outputs, channels, taps, out)
        guard spec.hasBias else { return }
        let bias = spec.outputs * channels * taps
        for output in 0..<spec.outputs {
            out[bias + output] = packed[weightCount + output] - (start?[bias + output] ?? 0)
        }
    }

    // MARK: Forward

    /// The convolution as the kernels know it; `y` gives the strides of its result or of the result's gradient.
    func shape(x: ImageBuffer, yRow: Int, yPixel: Int, height: Int, width: Int) -> ckc_shape {
        ckc_shape(
            kernel_height: spec.kernel,
            kernel_width: spec.kernel,
            stride: spec.stride,
            inputs: channels,
            outputs: paddedOutputs,
            used_outputs: spec.outputs,
            height: height,
            width: width,
            x_row: x.rowStride,
            x_pixel: x.pixelStride,
            y_row: yRow,
            y_pixel: yPixel
        )
    }

    /// The first tap of an image's first output.
    func firstTap(_ x: ImageBuffer, image: Int) -> UnsafeMutablePointer<Float> {
        x.image(image) - spec.padding * (x.rowStride + x.pixelStride)
    }

    func forward(_ pass: ForwardPass) {
        let x = pass.buffers.outputs[input]
        let y = pass.buffers.outputs[node]
        let weights = pass.values + packedOffset
        let rectifies: Int32 = spec.rectifies ? 1 : 0
        if let winograd = kept.winograd {
            var shape = shape(x: x, yRow: 0, yPixel: 0, height: 0, width: 0)
            kernels.winogradWeights(&shape, weights, winograd.weights)
        }
        guard spec.pool > 1 else {
            var shape = shape(x: x, yRow: y.rowStride, yPixel: y.pixelStride, height: height, width: width)
            for image in 0..<pass.rows {
                convolve(&shape, firstTap(x, image: image), weights, into: y.image(image), rectifies)
            }
            return
        }
        let kept = kept
        let (row, pixel) = (width * paddedOutputs, paddedOutputs)
        var shape = shape(x: x, yRow: row, yPixel: pixel, height: 0, width: pooledWidth * spec.pool)
        for image in 0..<pass.rows {
            for pooledRow in stride(from: 0, to: pooledHeight, by: pooledLines) {
                let lines = min(pooledLines, pooledHeight - pooledRow)
                shape.height = lines * spec.pool
                let from = firstTap(x, image: image) + pooledRow * spec.pool * spec.stride * x.rowStride
                convolve(&shape, from, weights, into: kept.poolRows, 0)
                ckc_max_pool(
                    kept.poolRows,
                    row,
                    pixel,
                    spec.pool,
                    lines,
                    pooledWidth,
                    paddedOutputs,
                    y.image(image) + pooledRow * y.rowStride,
                    y.rowStride,
                    y.pixelStride,
                    kept.which + (image * windows + pooledRow * pooledWidth) * paddedOutputs,
                    rectifies
                )
            }
        }
    }

    private func convolve(
        _ shape: inout ckc_shape,
        _ from: UnsafePointer<Float>,
        _ weights: UnsafePointer<Float>,
        into y: UnsafeMutablePointer<Float>,
        _ rectifies: Int32
    ) {
        let bias = spec.hasBias ? weights + weightCount : nil
        if let winograd = kept.winograd {
            kernels.winogradForward(&shape, from, winograd.weights, bias, y, rectifies, winograd.scratch)
        } else {
            kernels.forward(&shape, from, weights, bias, y, 0, rectifies)
        }
    }
}
