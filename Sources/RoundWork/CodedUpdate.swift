// SPDX-License-Identifier: Apache-2.0

package import ModelState
package import Randomness
package import Rounds
package import UpdateCoding

/// Makes of a change what travels.
package enum CodedUpdate {
    /// The coded bytes; those of fp32 are the elements themselves.
    package static func bytes(
        _ delta: ParameterVector,
        codec: any UpdateCodec,
        layout: TensorLayout,
        seed: Seed
    ) throws -> ByteSlice {
        if codec.specification == "fp32" {
            let (elements, owner) = delta.sharedBytes
            return ByteSlice(elements, owner: owner)
        }
        var output: [UInt8] = []
        try delta.withElements { try codec.encode($0, layout: layout, seed: seed, into: &output) }
        return ByteSlice(copying: output)
    }
}
