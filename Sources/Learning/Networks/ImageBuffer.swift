// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// A batch of images in memory: pixels keep their channels together, and zeros may lie around and between pixels.
///
/// A border of zeros is a convolution's padding. Zeros between pixels (`dilation` above 1) make the gradient of a
/// convolution with a stride an ordinary convolution.
struct ImageBuffer {
    /// The extents of an image with its zeros.
    struct Layout {
        var channels: Int
        var height: Int
        var width: Int
        /// Floats between pixels, at least the channels.
        var pixel: Int
        var before = 0
        var after = 0
        var dilation = 1

        /// Channels padded, no zeros around.
        init(_ shape: NetworkPlan.Shape) {
            channels = shape.channels
            height = shape.height
            width = shape.width
            pixel = Self.padded(channels)
        }

        static func padded(_ channels: Int) -> Int {
            (channels + ConvolutionKernels.padding - 1) / ConvolutionKernels.padding * ConvolutionKernels.padding
        }

        private func extent(_ count: Int) -> Int { (count - 1) * dilation + 1 + before + after }
        /// Floats between rows of memory.
        var memoryRow: Int { extent(width) * pixel }
        /// Floats of an image.
        var imageCount: Int { extent(height) * memoryRow }
    }

    let layout: Layout
    /// The first pixel of the first image.
    let base: UnsafeMutablePointer<Float>

    /// Floats between the pixels, the rows and the images.
    var pixelStride: Int { layout.pixel * layout.dilation }
    var rowStride: Int { layout.memoryRow * layout.dilation }
    var imageStride: Int { layout.imageCount }

    /// Takes room for `images` images.
    init(_ layout: Layout, images: Int, from allocator: inout BufferAllocator) {
        self.layout = layout
        base = allocator.floats(images * layout.imageCount) + layout.before * (layout.memoryRow + layout.pixel)
    }

    /// The buffer as the kernels know it.
    var view: ckl_view { ckl_view(base: base, image: imageStride, row: rowStride, pixel: pixelStride) }

    /// The extents of a batch with padded channels.
    func extent(rows: Int) -> ckl_extent {
        ckl_extent(
            images: rows,
            height: layout.height,
            width: layout.width,
            channels: ImageBuffer.Layout.padded(layout.channels)
        )
    }

    /// The first pixel of an image.
    func image(_ index: Int) -> UnsafeMutablePointer<Float> { base + index * imageStride }
}
