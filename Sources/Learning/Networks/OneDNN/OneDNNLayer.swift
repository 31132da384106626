// SPDX-License-Identifier: Apache-2.0
#if ONEDNN

/// A layer whose parameters are those of one product of oneDNN.
protocol OneDNNLayer: NetworkLayer {
    var product: OneDNNProduct { get }
}

extension OneDNNLayer {
    var packedCount: Int { product.packedCount }

    func pack(_ tensors: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>) {
        product.pack(tensors, into: packed)
    }

    func unpackDifference(
        _ packed: UnsafePointer<Float>,
        from start: UnsafePointer<Float>?,
        into out: UnsafeMutablePointer<Float>
    ) {
        product.unpackDifference(packed, from: start, into: out)
    }
}

#endif
