// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Sends the difference to an estimate that both sides advance (EF21; Richtarik, Sokolov, Fatkhullin, NeurIPS 2021):
///
///     client:  c = C(update - g),   g += c        coordinator:  G += (1 / n) sum of c over the accepted updates
///
/// G is the mean of the n clients' estimates; it is what the coordinator applies. The codec must contract, so it should
/// have the least-error scale (`scale=mse`), or be top-k or STC.
public struct DifferenceEncoder: StatefulEncoder {
    private let codec: any UpdateCodec
    /// The canonical specification.
    public let specification: String
    /// The estimate g, under `estimate`.
    public private(set) var memory: EncoderMemory

    init(codec: any UpdateCodec) {
        self.codec = codec
        self.specification = codec.specification + "+" + FeedbackKind.differences.specification
        memory = EncoderMemory(specification: self.specification)
    }

    /// Takes up a stored estimate.
    public mutating func restore(_ memory: EncoderMemory) throws(UpdateCodingError) {
        self.memory = try memory.checked(for: specification)
    }

    /// Codes the difference to the estimate.
    public mutating func encode(
        _ update: ParameterVector,
        layout: TensorLayout,
        seed: Seed,
        round: Int,
        into output: inout [UInt8]
    ) throws(UpdateCodingError) {
        memory.settle(.refused)
        var estimate = memory.vector("estimate", count: update.count)
        let (bytes, decoded) = try codec.encodeAndDecode(update.subtracting(estimate), layout: layout, seed: seed)
        estimate.add(decoded)
        memory.pending = .init(round: round, accepted: ["estimate": estimate.elements], refused: memory.vectors)
        output.append(contentsOf: bytes)
    }

    /// Advances the estimate, or leaves it.
    public mutating func settle(_ outcome: EncodingOutcome) { memory.settle(outcome) }
}

/// The coordinator's part of EF21: the mean of all clients' estimates, in double precision.
///
/// It depends on the number of clients of the job, not on who takes part in a round: an absent client's estimate stays
/// in the mean. It must be stored with the round's state; a decoded update is added exactly once, when it is accepted.
public struct DifferenceAggregate: Sendable, Codable, Equatable {
    /// The clients of the job, each with an estimate (zero until its first update).
    public let clientCount: Int
    /// The mean estimate.
    public private(set) var mean: [Double]

    /// Begins with estimates of zero.
    ///
    /// - Precondition: at least one client.
    public init(clientCount: Int, elementCount: Int) {
        precondition(clientCount > 0, "a mean of estimates needs a client")
        self.clientCount = clientCount
        mean = [Double](repeating: 0, count: elementCount)
    }

    /// Adds the accepted difference of one client: `mean += c / n`.
    ///
    /// - Throws: ``UpdateCodingError`` when the bytes are not the codec's; the aggregate is then unchanged.
    public mutating func add(_ decoder: any UpdateDecoder) throws(UpdateCodingError) {
        // A copy, so that a decoder that fails half way leaves no trace.
        var advanced = mean
        let weight = 1 / Double(clientCount)
        try advanced.withUnsafeMutableBufferPointer { (target) throws(UpdateCodingError) in
            try decoder.accumulate(weight: weight, into: target)
        }
        try decoder.finish()
        mean = advanced
    }
}
