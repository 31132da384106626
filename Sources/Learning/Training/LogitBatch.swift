// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// The logits of one batch and the buffers into which an objective writes; valid during one call.
///
/// Row `r`, class `c` of each matrix stands at `r * stride + c`.
public struct LogitBatch {
    /// The number of samples.
    public let rowCount: Int
    let paddedRowCount: Int
    /// The number of classes.
    public let classCount: Int
    /// The distance between rows, at least ``classCount``.
    public let stride: Int
    /// One class for each sample.
    public let labels: UnsafePointer<Int32>
    /// The model's outputs; an objective may change them before it calls ``crossEntropy()``.
    public let logits: UnsafeMutablePointer<Float>
    /// The softmax of the logits, once ``crossEntropy()`` was called.
    public let probabilities: UnsafeMutablePointer<Float>
    /// The gradient of the batch's loss with respect to the logits; columns from ``classCount`` on must stay zero.
    public let gradient: UnsafeMutablePointer<Float>

    /// Writes the probabilities and the gradient of the mean cross-entropy, and returns the cross-entropies' sum.
    ///
    ///     loss_r = log sum_c exp(z_rc) - z_r,label        gradient_rc = (p_rc - [c = label]) / rows
    public func crossEntropy() -> Double {
        ckt_softmax_cross_entropy(
            logits,
            probabilities,
            gradient,
            stride,
            rowCount,
            paddedRowCount,
            classCount,
            labels,
            1 / Float(rowCount)
        )
    }
}
