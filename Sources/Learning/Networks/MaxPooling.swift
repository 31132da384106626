// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Max pooling of images without overlap, with a ReLU after it where a layer has one; what fills no window is left out.
struct MaxPooling {
    /// The side of a window.
    let side: Int
    /// The extents of the result.
    let height: Int
    let width: Int
    /// The channels in memory.
    let channels: Int
    var rectifies = false

    /// Values of an image's result.
    var count: Int { height * width * channels }

    /// Pools an image; `which` takes where the largest values stand, of all images one after the other.
    func pool(_ x: ImageBuffer, into y: ImageBuffer, image: Int, which: UnsafeMutablePointer<UInt8>) {
        ckc_max_pool(
            x.image(image),
            x.rowStride,
            x.pixelStride,
            side,
            height,
            width,
            channels,
            y.image(image),
            y.rowStride,
            y.pixelStride,
            which + image * count,
            rectifies ? 1 : 0
        )
    }

    /// Writes the gradient of what was pooled, an image's to `position` of `dx`.
    ///
    /// What fills no window is not written.
    func unpool(
        _ dy: ImageBuffer,
        _ y: ImageBuffer,
        image: Int,
        which: UnsafePointer<UInt8>,
        into dx: ImageBuffer,
        at position: Int
    ) {
        ckc_max_pool_gradient(
            dy.image(image),
            dy.rowStride,
            dy.pixelStride,
            y.image(image),
            y.rowStride,
            y.pixelStride,
            which + image * count,
            side,
            height,
            width,
            channels,
            dx.image(position),
            dx.rowStride,
            dx.pixelStride,
            rectifies ? 1 : 0
        )
    }
}
