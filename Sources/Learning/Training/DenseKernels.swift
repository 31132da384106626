// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// The dense layer's kernels for this machine's instruction set.
struct DenseKernels {
    /// Sizes are rounded up to this.
    static let padding = Int(CKT_PADDING)
    /// Rows are rounded up to this.
    static let rowPadding = Int(CKT_ROW_PADDING)

    let forward:
        @convention(c) (
            UnsafePointer<Float>?, Int, UnsafePointer<Float>?, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int,
            Int, Int, Int32
        ) -> Void
    let inputGradient:
        @convention(c) (
            UnsafePointer<Float>?, UnsafePointer<Float>?, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?,
            UnsafeMutablePointer<Float>?, Int, Int, Int
        ) -> Void
    let updateWeights:
        @convention(c) (
            UnsafePointer<Float>?, Int, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?,
            UnsafeMutablePointer<Float>?,
            UnsafePointer<Float>?, UnsafePointer<ckt_step>?, Int, Int, Int
        ) -> Void
    let updateBias:
        @convention(c) (
            UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Float>?, UnsafePointer<Float>?,
            UnsafePointer<ckt_step>?, Int, Int
        ) -> Void
    let pack: @convention(c) (UnsafePointer<Float>?, Int, Int, UnsafeMutablePointer<Float>?) -> Void
    let unpackDifference:
        @convention(c) (UnsafePointer<Float>?, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int, Int) -> Void

    let columnMasks: @convention(c) (UnsafePointer<Float>?, Int, UnsafeMutablePointer<UInt32>?, Int, Int) -> Int
    let sparseForward:
        @convention(c) (
            UnsafePointer<Float>?, Int, UnsafePointer<Float>?, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int,
            Int, Int, Int32
        ) -> Void
    let sparseUpdateWeights:
        @convention(c) (
            UnsafePointer<Float>?, Int, UnsafePointer<UInt32>?, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?,
            UnsafeMutablePointer<Float>?, UnsafePointer<Float>?, UnsafePointer<ckt_step>?, Int, Int, Int
        ) -> Void

    /// `inputGradient` and then `updateWeights`, in one pass over the weights.
    let backward:
        @convention(c) (
            UnsafePointer<Float>?, Int, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?,
            UnsafeMutablePointer<Float>?, UnsafePointer<Float>?, UnsafePointer<ckt_step>?, UnsafePointer<Float>?,
            UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Float>?, Int, Int, Int
        ) -> Void

    /// Steps of a softmax regression, many in one call.
    let softmaxSteps:
        @convention(c) (
            UnsafePointer<ckt_regression>?, UnsafePointer<UInt32>?, Int, Int, Int, UnsafeMutablePointer<Double>?
        ) -> Int

    /// Fused multiply-adds in registers; returns the floating-point operations done.
    let multiplyAdds: @convention(c) (Int) -> Double

    /// The fastest kernels that this machine can run, or those of one level (0 baseline, 1 AVX2, 2 AVX-512); nil where
    /// it lacks it.
    init?(level: Int32? = nil) {
        guard let table = level.map({ ckt_kernels_for($0) }) ?? ckt_kernels_best(),
            let forward = table.pointee.forward, let inputGradient = table.pointee.input_gradient,
            let updateWeights = table.pointee.update_weights, let updateBias = table.pointee.update_bias,
            let pack = table.pointee.pack, let unpackDifference = table.pointee.unpack_difference,
            let columnMasks = table.pointee.column_masks, let sparseForward = table.pointee.sparse_forward,
            let sparseUpdateWeights = table.pointee.sparse_update_weights,
            let multiplyAdds = table.pointee.multiply_adds, let backward = table.pointee.backward,
            let softmaxSteps = table.pointee.softmax_steps
        else { return nil }
        self.forward = forward
        self.inputGradient = inputGradient
        self.updateWeights = updateWeights
        self.updateBias = updateBias
        self.pack = pack
        self.unpackDifference = unpackDifference
        self.columnMasks = columnMasks
        self.sparseForward = sparseForward
        self.sparseUpdateWeights = sparseUpdateWeights
        self.multiplyAdds = multiplyAdds
        self.backward = backward
        self.softmaxSteps = softmaxSteps
    }

    static func padded(_ size: Int) -> Int { (size + padding - 1) / padding * padding }
    static func paddedRows(_ rows: Int) -> Int { (rows + rowPadding - 1) / rowPadding * rowPadding }
}
