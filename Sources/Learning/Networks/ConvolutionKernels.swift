// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// The convolution's kernels for this machine's instruction set.
struct ConvolutionKernels {
    typealias Floats = UnsafePointer<Float>
    typealias MutableFloats = UnsafeMutablePointer<Float>

    /// Channels are rounded up to this.
    static let padding = Int(CKC_PADDING)
    /// The width of the kernels whose gradients can be taken from the winners of a max pooling.
    static let sparseKernel = Int(CKC_SPARSE_KERNEL)
    /// The width of the kernels whose outputs come in tiles of 2 x 2 by Winograd's way.
    static let winogradKernel = 5

    let forward:
        @convention(c) (UnsafePointer<ckc_shape>?, Floats?, Floats?, Floats?, MutableFloats?, Int32, Int32) -> Void
    let winogradWeights: @convention(c) (UnsafePointer<ckc_shape>?, Floats?, MutableFloats?) -> Void
    let winogradForward:
        @convention(c) (
            UnsafePointer<ckc_shape>?, Floats?, Floats?, Floats?, MutableFloats?, Int32, MutableFloats?
        ) -> Void
    let weightGradient: @convention(c) (UnsafePointer<ckc_shape>?, Floats?, Floats?, MutableFloats?) -> Void
    let biasGradient: @convention(c) (UnsafePointer<ckc_shape>?, Floats?, MutableFloats?) -> Void
    let sparseWeightGradient:
        @convention(c) (UnsafePointer<ckc_shape>?, Floats?, UnsafePointer<ckc_winners>?, Int, MutableFloats?) -> Void
    let patchWeightGradient:
        @convention(c) (
            UnsafePointer<ckc_shape>?, Floats?, Floats?, UnsafePointer<UInt8>?, Int, MutableFloats?
        ) -> Void
    let patchInputGradient:
        @convention(c) (UnsafePointer<ckc_shape>?, Floats?, UnsafePointer<ckc_winners>?, Int, MutableFloats?) -> Void
    let runWeightGradient:
        @convention(c) (
            UnsafePointer<ckc_shape>?, Floats?, Floats?, UnsafePointer<UInt8>?, Int, MutableFloats?
        ) -> Void
    let findPlaceWinners:
        @convention(c) (
            UnsafePointer<ckc_shape>?, Floats?, Int, Int, Floats?, Int, Int, UnsafePointer<UInt8>?, Int, Int32,
            UnsafePointer<ckc_winners>?
        ) -> Void
    let sparseInputGradient:
        @convention(c) (UnsafePointer<ckc_shape>?, Floats?, UnsafePointer<ckc_winners>?, Int, MutableFloats?) -> Void

    /// The fastest kernels that this machine can run, or those of one level (0 baseline, 1 AVX2, 2 AVX-512); nil where
    /// it lacks it.
    init?(level: Int32? = nil) {
        guard let table = level.map({ ckc_kernels_for($0) }) ?? ckc_kernels_best(),
            let forward = table.pointee.forward, let winogradWeights = table.pointee.winograd_weights,
            let winogradForward = table.pointee.winograd_forward, let weightGradient = table.pointee.weight_gradient,
            let biasGradient = table.pointee.bias_gradient,
            let sparseWeightGradient = table.pointee.sparse_weight_gradient,
            let sparseInputGradient = table.pointee.sparse_input_gradient,
            let patchWeightGradient = table.pointee.patch_weight_gradient,
            let patchInputGradient = table.pointee.patch_input_gradient,
            let runWeightGradient = table.pointee.run_weight_gradient,
            let findPlaceWinners = table.pointee.find_place_winners
        else { return nil }
        self.forward = forward
        self.winogradWeights = winogradWeights
        self.winogradForward = winogradForward
        self.weightGradient = weightGradient
        self.biasGradient = biasGradient
        self.sparseWeightGradient = sparseWeightGradient
        self.sparseInputGradient = sparseInputGradient
        self.patchWeightGradient = patchWeightGradient
        self.patchInputGradient = patchInputGradient
        self.runWeightGradient = runWeightGradient
        self.findPlaceWinners = findPlaceWinners
    }
}
