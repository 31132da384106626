// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Testing
import UpdateCoding

/// The rate falls while a client's updates agree and rises when they are mostly noise.
@Suite struct AdaptiveEncoderTests {
    private let layout: TensorLayout
    private let common = TestVectors.gaussian(20_000)

    init() throws { layout = try TestVectors.flat(20_000) }

    private func encoder() throws -> AdaptiveEncoder {
        let specification = "ecdq:bits=3+adaptive:minimum=1,maximum=5,tolerance=0.05,updates=10"
        return try #require(try CodecRegistry.encoder(specification) as? AdaptiveEncoder)
    }

    /// An update of which the share `signal` of the energy is the same in all rounds.
    private func update(_ round: Int, signal: Float) -> ParameterVector {
        var generator = SeededGenerator(seed: Seed(UInt64(round) + 100))
        return ParameterVector(
            common.elements.map { value in
                let noise = (0..<4).reduce(-2.0) { sum, _ in sum + generator.uniform() } * 3.0.squareRoot()
                return signal.squareRoot() * value + (1 - signal).squareRoot() * Float(noise)
            }
        )
    }

    private func run(_ encoder: inout AdaptiveEncoder, signal: Float, outcome: EncodingOutcome) throws -> [Int] {
        try (0..<12).map { round in
            var bytes: [UInt8] = []
            let update = update(round, signal: signal)
            try encoder.encode(update, layout: layout, seed: Seed(UInt64(round)), round: round, into: &bytes)
            let codec = try CodecRegistry.codec(encoder.specification)
            let decoded = try codec.decodeAll(bytes, layout: layout, seed: Seed(UInt64(round)))
            #expect(decoded.subtracting(update).squaredNorm < 0.7 * update.squaredNorm)
            encoder.settle(outcome)
            return bytes.count
        }
    }

    @Test func bytesFollowTheInformationInTheUpdates() throws {
        var agreeing = try encoder()
        let coarse = try run(&agreeing, signal: 0.9, outcome: .accepted)
        // error / (10 * 0.9) = 0.05: 0.45, between 1 and 1.5 bits.
        #expect(agreeing.bits >= 1 && agreeing.bits < 1.6)
        #expect(coarse[11] < coarse[0] * 6 / 10)
        var noisy = try encoder()
        let fine = try run(&noisy, signal: 0.02, outcome: .accepted)
        #expect(noisy.bits > 3.2 && fine[11] > fine[0])
    }

    @Test func refusedUpdatesMoveNothing() throws {
        var encoder = try encoder()
        let bytes = try run(&encoder, signal: 0.9, outcome: .refused)
        #expect(encoder.bits == 3 && abs(bytes[11] - bytes[0]) < bytes[0] / 20)
    }

    @Test func theRateSurvivesARestart() throws {
        var before = try encoder()
        _ = try run(&before, signal: 0.9, outcome: .accepted)
        var after = try encoder()
        try after.restore(before.memory)
        #expect(after.bits == before.bits && after.bits != 3)
    }
}
