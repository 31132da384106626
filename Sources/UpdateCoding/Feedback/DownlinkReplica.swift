// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// The coordinator's copy of the model that its clients hold, advanced by coded differences (EF21-P; Gruntkowska,
/// Tyurin, Richtarik 2023):
///
///     send c = C(x - w),   both sides w += c
///
/// The model x itself stays exact, and errors do not pile up: with a codec that contracts by 1 - a,
/// |x' - w'|^2 <= (1 - a) |x' - w|^2. Each advance is coded once and sent to all clients that hold the version before
/// it; others get the whole replica (an anchor). Both sides add in single precision, so the copies agree bit for bit.
public struct DownlinkReplica: Sendable {
    /// What the clients hold.
    public private(set) var weights: ParameterVector
    /// The number of advances behind ``weights``.
    public private(set) var version: Int

    /// Takes up a replica.
    public init(weights: ParameterVector, version: Int = 0) {
        self.weights = weights
        self.version = version
    }

    /// Codes the difference to `model` and advances the replica by what clients will decode.
    ///
    /// - Returns: the bytes that take a client from the version before to ``version``.
    /// - Throws: ``UpdateCodingError`` as the codec does; the replica is then unchanged.
    public mutating func advance(
        to model: ParameterVector,
        codec: any UpdateCodec,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) -> [UInt8] {
        let (bytes, decoded) = try codec.encodeAndDecode(model.subtracting(weights), layout: layout, seed: seed)
        weights.add(decoded)
        version += 1
        return bytes
    }

    /// The client's side: decodes a difference and advances its copy.
    ///
    /// - Throws: ``UpdateCodingError`` when the bytes are not the codec's; the replica is then unchanged.
    public mutating func apply(
        _ bytes: [UInt8],
        codec: any UpdateCodec,
        layout: TensorLayout,
        seed: Seed
    ) throws(UpdateCodingError) {
        weights.add(try codec.decodeAll(bytes, layout: layout, seed: seed))
        version += 1
    }
}
