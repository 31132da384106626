// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Starts each subspace iteration of PowerSGD from the factors of the last round. The start is the client's own affair:
/// the bytes say all, so it moves on whether or not the update was accepted.
public struct WarmStartEncoder: StatefulEncoder {
    private let codec: LowRankCodec
    /// The factors Q, under `right` and the tensor's index.
    public private(set) var memory: EncoderMemory

    /// The codec's specification.
    public var specification: String { codec.specification }

    init(codec: LowRankCodec) {
        self.codec = codec
        memory = EncoderMemory(specification: codec.specification)
    }

    /// Takes up stored factors.
    public mutating func restore(_ memory: EncoderMemory) throws(UpdateCodingError) {
        self.memory = try memory.checked(for: specification)
    }

    /// Codes the update from the last factors.
    public mutating func encode(
        _ update: ParameterVector,
        layout: TensorLayout,
        seed: Seed,
        round: Int,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        memory.settle(.refused)
        var start: [Int: [Float]] = [:]
        for index in layout.tensors.indices { start[index] = memory.vectors["right \(index)"] }
        let factors = try update.withElements { (elements) throws(UpdateCodingError) in
            try codec.encode(elements, layout: layout, seed: seed, start: start, into: &output)
        }
        let named = Dictionary(uniqueKeysWithValues: factors.map { ("right \($0.key)", $0.value) })
        memory.pending = .init(round: round, accepted: named, refused: named)
    }

    /// Keeps the new factors.
    public mutating func settle(_ outcome: EncodingOutcome) { memory.settle(outcome) }
}
