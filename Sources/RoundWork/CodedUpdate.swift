// SPDX-License-Identifier: Apache-2.0

import Digest
package import ModelState
package import Randomness
package import Rounds
package import UpdateCoding

/// An update as it travels.
package struct CodedUpdate: Sendable {
    /// The coded bytes.
    package let bytes: ByteSlice
    /// Their digest.
    package let digest: BlobDigest

    /// Codes a delta; the coded bytes of fp32 are the elements themselves.
    package init(_ delta: ParameterVector, codec: any UpdateCodec, layout: TensorLayout, seed: Seed) throws {
        if codec.specification == "fp32" {
            let (elements, owner) = delta.sharedBytes
            bytes = ByteSlice(elements, owner: owner)
        } else {
            var output: [UInt8] = []
            try delta.withElements { try codec.encode($0, layout: layout, seed: seed, into: &output) }
            bytes = ByteSlice(copying: output)
        }
        digest = BlobDigest(hashing: bytes)
    }
}
