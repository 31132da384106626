// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Glibc

extension ConvolutionLayer {
    func backward(_ pass: BackwardPass) {
        let kept = kept
        kept.gradient.update(repeating: 0, count: packedCount)
        if let sparse = kept.sparse {
            backwardFromWinners(pass, kept, sparse)
        } else if hasRuns, !pass.wantsGradient(of: input) {
            backwardFromRuns(pass, kept)
        } else {
            backwardFromImages(pass, kept)
        }
        pass.step?.apply(kept.gradient, to: pass.values, at: packedOffset, count: packedCount)
    }

    /// Takes from the output's gradient what a ReLU stops.
    private func rectifyGradient(_ pass: BackwardPass) {
        guard spec.rectifies else { return }
        var extent = pass.buffers.gradients[node].extent(rows: pass.rows)
        var (output, gradient) = (pass.buffers.outputs[node].view, pass.buffers.gradients[node].view)
        ckl_rectify_gradient(&extent, &output, &gradient)
    }

    // MARK: From all positions

    private func backwardFromImages(_ pass: BackwardPass, _ kept: Buffers) {
        let gradients = pass.buffers.gradients
        let x = pass.buffers.outputs[input]
        let wantsInput = pass.wantsGradient(of: input)
        if wantsInput {
            ckc_flip(pass.values + packedOffset, spec.outputs, channels, taps, kept.flipped)
        }
        if spec.pool == 1 { rectifyGradient(pass) }
        let pooling = pooling
        for image in 0..<pass.rows {
            // One image's pooling is undone at a time, so that its gradient stays in the cache.
            let dy = kept.unpooled ?? gradients[node]
            let position = kept.unpooled == nil ? image : 0
            if kept.unpooled != nil {
                let (y, gradient) = (pass.buffers.outputs[node], gradients[node])
                pooling.unpool(gradient, y, image: image, which: kept.which, into: dy, at: 0)
            }
            if pass.step != nil {
                addParameterGradient(x: x, image: image, dy: dy, position: position, into: kept.gradient)
            }
            if wantsInput {
                addInputGradient(dy, position: position, weights: kept.flipped, to: gradients[input], image: image)
            }
        }
    }

    private func addParameterGradient(
        x: ImageBuffer,
        image: Int,
        dy: ImageBuffer,
        position: Int,
        into gradient: UnsafeMutablePointer<Float>
    ) {
        var shape = shape(x: x, yRow: dy.rowStride, yPixel: dy.pixelStride, height: height, width: width)
        kernels.weightGradient(&shape, firstTap(x, image: image), dy.image(position), gradient)
        if spec.hasBias { kernels.biasGradient(&shape, dy.image(position), gradient + weightCount) }
    }

    /// The input's gradient is the convolution of the output's with the reversed kernel; see ``gradientLayout``.
    private func addInputGradient(
        _ dy: ImageBuffer,
        position: Int,
        weights: UnsafePointer<Float>,
        to dx: ImageBuffer,
        image: Int
    ) {
        let (row, pixel) = (dy.layout.memoryRow, dy.layout.pixel)
        var shape = ckc_shape(
            kernel_height: spec.kernel,
            kernel_width: spec.kernel,
            stride: 1,
            inputs: spec.outputs,
            outputs: ImageBuffer.Layout.padded(channels),
            used_outputs: channels,
            height: dx.layout.height,
            width: dx.layout.width,
            x_row: row,
            x_pixel: pixel,
            y_row: dx.rowStride,
            y_pixel: dx.pixelStride
        )
        let first = dy.image(position) - dy.layout.before * (row + pixel)
        kernels.forward(&shape, first, weights, nil, dx.image(image), accumulates ? 1 : 0, 0)
    }

    // MARK: From the winners

    private func backwardFromWinners(_ pass: BackwardPass, _ kept: Buffers, _ sparse: SparseBuffers) {
        let x = pass.buffers.outputs[input]
        let (y, gradient) = (pass.buffers.outputs[node], pass.buffers.gradients[node])
        let wantsInput = pass.wantsGradient(of: input)
        let windows = pooledHeight * pooledWidth
        var winners = sparse.winners
        var shape = shape(
            x: x,
            yRow: gradient.rowStride,
            yPixel: gradient.pixelStride,
            height: pooledHeight * spec.pool,
            width: pooledWidth * spec.pool
        )
        var pooled = shape
        (pooled.height, pooled.width) = (pooledHeight, pooledWidth)
        if wantsInput {
            ckc_spread(pass.values + packedOffset, paddedOutputs, channels, spec.kernel, sparse.weights)
        }
        if pass.step != nil { sparse.gradient.update(repeating: 0, count: spreadCount) }
        if isPatch { rectifyGradient(pass) }
        let relu: Int32 = spec.rectifies ? 1 : 0
        for image in 0..<pass.rows {
            let (dy, value) = (gradient.image(image), y.image(image))
            let which = kept.which + image * windows * paddedOutputs
            let (dyRow, dyPixel, yRow, yPixel) = (gradient.rowStride, gradient.pixelStride, y.rowStride, y.pixelStride)
            let tap = firstTap(x, image: image)
            if wantsInput || !isPatch {
                let find = kernels.findPlaceWinners
                find(&shape, dy, dyRow, dyPixel, value, yRow, yPixel, which, spec.pool, relu, &winners)
            }
            if pass.step != nil, isPatch {
                kernels.patchWeightGradient(&shape, tap, dy, which, spec.pool, sparse.gradient)
                if spec.hasBias { kernels.biasGradient(&pooled, dy, kept.gradient + weightCount) }
            } else if pass.step != nil {
                ckc_output_winners(&shape, spec.pool, &winners)
                kernels.sparseWeightGradient(&shape, tap, &winners, windows, sparse.gradient)
                if spec.hasBias {
                    ckc_sparse_bias_gradient(paddedOutputs, windows, &winners, kept.gradient + weightCount)
                }
            }
            if wantsInput {
                sparse.inputGradient.update(repeating: 0, count: sparse.inputGradientCount)
                let gradients = isPatch ? kernels.patchInputGradient : kernels.sparseInputGradient
                gradients(&shape, sparse.weights, &winners, spec.pool, sparse.inputGradient)
                keepInterior(of: sparse.inputGradient, x, in: pass.buffers.gradients[input], image: image)
            }
        }
        if pass.step != nil {
            ckc_gather_spread(sparse.gradient, paddedOutputs, channels, spec.kernel, kept.gradient)
        }
    }

    /// The gradient of the parameters alone, where a row of a kernel is one run of its input.
    private func backwardFromRuns(_ pass: BackwardPass, _ kept: Buffers) {
        guard pass.step != nil else { return }
        let x = pass.buffers.outputs[input]
        let dy = pass.buffers.gradients[node]
        rectifyGradient(pass)
        var shape = shape(
            x: x,
            yRow: dy.rowStride,
            yPixel: dy.pixelStride,
            height: pooledHeight * spec.pool,
            width: pooledWidth * spec.pool
        )
        var pooled = shape
        (pooled.height, pooled.width) = (pooledHeight, pooledWidth)
        for image in 0..<pass.rows {
            let which = kept.which + image * pooledHeight * pooledWidth * paddedOutputs
            kernels.runWeightGradient(
                &shape,
                firstTap(x, image: image),
                dy.image(image),
                which,
                spec.pool,
                kept.gradient
            )
            if spec.hasBias { kernels.biasGradient(&pooled, dy.image(image), kept.gradient + weightCount) }
        }
    }

    /// Copies an image's gradient without the padding around it.
    private func keepInterior(of base: UnsafeMutablePointer<Float>, _ x: ImageBuffer, in dx: ImageBuffer, image: Int) {
        var extent = dx.extent(rows: 1)
        var from = ckl_view(
            base: base + spec.padding * (x.rowStride + x.pixelStride),
            image: 0,
            row: x.rowStride,
            pixel: x.pixelStride
        )
        var to = dx.view
        to.base = dx.image(image)
        ckl_copy(&extent, &from, &to, 0)
    }
}
