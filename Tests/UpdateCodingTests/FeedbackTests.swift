// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ModelState
import Randomness
import Testing

@testable import UpdateCoding

@Suite struct FeedbackTests {
    private let layout: TensorLayout
    private let count = 640

    init() throws { layout = try TestVectors.flat(640) }

    private func send(
        _ encoder: inout any StatefulEncoder,
        _ update: ParameterVector,
        round: Int
    ) throws -> ParameterVector {
        var bytes: [UInt8] = []
        let seed = Seed(UInt64(1000 + round))
        try encoder.encode(update, layout: layout, seed: seed, round: round, into: &bytes)
        return try CodecRegistry.codec(encoder.specification).decodeAll(bytes, layout: layout, seed: seed)
    }

    @Test func errorFeedbackDeliversEverythingInTheEnd() throws {
        var encoder = try CodecRegistry.encoder("topk:fraction=0.1+ef14")
        let update = TestVectors.gaussian(count)
        var delivered = ParameterVector(zeros: count)
        for round in 0..<60 {
            delivered.add(try send(&encoder, update, round: round))
            encoder.settle(.accepted)
        }
        var total = update
        total.scale(by: 60)
        #expect(total.relativeError(of: delivered) < 0.02)
        // What is missing is exactly the error that the memory holds.
        let missing = total.subtracting(delivered)
        #expect(missing.relativeError(of: encoder.memory.vector("error", count: count)) < 1e-6)
    }

    @Test func aRefusedUpdateIsOwedInFull() throws {
        var encoder = try CodecRegistry.encoder("topk:fraction=0.1+ef14")
        let update = TestVectors.gaussian(count)
        _ = try send(&encoder, update, round: 0)
        encoder.settle(.refused)
        #expect(encoder.memory.vector("error", count: count) == update)
        // A second update whose predecessor's fate is unknown counts it as refused.
        _ = try send(&encoder, update, round: 1)
        _ = try send(&encoder, update, round: 2)
        encoder.settle(.refused)
        #expect(
            encoder.memory.vector("error", count: count).elements.indices.allSatisfy { index in
                abs(encoder.memory.vector("error", count: count)[index] - 4 * update[index]) < 1e-4
            } == false
        )
        #expect(encoder.memory.vector("error", count: count).squaredNorm > 8.9 * update.squaredNorm)
    }

    @Test func anOldErrorIsDropped() throws {
        var encoder = try CodecRegistry.encoder("topk:fraction=0.1+ef14:age=3")
        let update = TestVectors.gaussian(count)
        _ = try send(&encoder, update, round: 0)
        encoder.settle(.accepted)
        let fresh = try send(&encoder, update, round: 10)
        let plain = try TopKCodec(fraction: 0.1).roundTrip(update, layout: layout, seed: 0)
        #expect(fresh == plain)
    }

    @Test(arguments: ["topk:fraction=0.1+ef21", "ecdq:bits=1,scale=mse+ef21"])
    func differencesBringBothSidesToTheUpdate(_ specification: String) throws {
        let clients = 3
        let updates = (0..<clients).map { TestVectors.gaussian(count, seed: UInt64(40 + $0)) }
        var encoders = try updates.map { _ in try CodecRegistry.encoder(specification) }
        var aggregate = DifferenceAggregate(clientCount: clients, elementCount: count)
        let codec = try CodecRegistry.codec(specification)
        for round in 0..<40 {
            for client in 0..<clients where round % 5 != client {  // each is absent now and then
                var bytes: [UInt8] = []
                let seed = Seed(UInt64(round * 10 + client))
                try encoders[client].encode(updates[client], layout: layout, seed: seed, round: round, into: &bytes)
                if (round + client) % 4 == 3 {
                    encoders[client].settle(.refused)
                } else {
                    try aggregate.add(try codec.makeDecoder(MemoryByteSource(bytes), layout: layout, seed: seed))
                    encoders[client].settle(.accepted)
                }
            }
        }
        var mean = ParameterVector(zeros: count)
        for update in updates { mean.add(update, scale: 1 / Float(clients)) }
        let held = ParameterVector(aggregate.mean.map { Float($0) })
        #expect(mean.relativeError(of: held) < 0.01)
    }

    @Test func aFailedDecoderLeavesTheAggregateAlone() throws {
        var aggregate = DifferenceAggregate(clientCount: 2, elementCount: count)
        let codec = try CodecRegistry.codec("bf16")
        let decoder = try codec.makeDecoder(
            MemoryByteSource(
                try codec.encodeAll(
                    TestVectors.gaussian(2 * count),
                    layout: try TestVectors.flat(2 * count),
                    seed: Seed(0)
                )
            ),
            layout: try TestVectors.flat(2 * count),
            seed: Seed(0)
        )
        let before = aggregate
        #expect(throws: UpdateCodingError.self) { try aggregate.add(decoder) }
        #expect(aggregate == before)
    }

    @Test func memorySurvivesARestart() throws {
        for specification in ["topk:fraction=0.1+ef14", "int4+ef21", "topk:fraction=0.05+dgc:momentum=0.5"] {
            var running = try CodecRegistry.encoder(specification)
            for round in 0..<3 {
                _ = try send(&running, TestVectors.gaussian(count, seed: UInt64(round)), round: round)
                if round < 2 { running.settle(.accepted) }
            }
            let stored = try JSONEncoder().encode(running.memory)
            var restored = try CodecRegistry.encoder(specification)
            try restored.restore(try JSONDecoder().decode(EncoderMemory.self, from: stored))
            #expect(restored.memory.hasPendingUpdate)
            running.settle(.accepted)
            restored.settle(.accepted)
            let update = TestVectors.gaussian(count, seed: 77)
            #expect(try send(&running, update, round: 5) == (try send(&restored, update, round: 5)))
        }
        var other = try CodecRegistry.encoder("int8+ef21")
        let foreign = try CodecRegistry.encoder("int4+ef21").memory
        #expect(throws: UpdateCodingError.self) { try other.restore(foreign) }
    }

    @Test func momentumCorrectionWarmsUpAndClearsWhatWasSent() throws {
        let encoder = try MomentumCorrectionEncoder(codec: TopKCodec(fraction: 0.001), momentum: 0.9, warmUpRounds: 4)
        let fractions = (0..<5).map { encoder.fraction(round: $0) }
        #expect(fractions[0] == 0.25 && fractions[4] == 0.001)
        for index in 1..<5 { #expect(abs(fractions[index] / fractions[index - 1] - 0.2514) < 0.001) }
        var sending: any StatefulEncoder = try CodecRegistry.encoder("topk:fraction=0.1+dgc:momentum=0.5")
        let update = TestVectors.gaussian(count)
        let sent = try send(&sending, update, round: 0)
        sending.settle(.accepted)
        let velocity = sending.memory.vector("momentum", count: count)
        for index in 0..<count { #expect(sent[index] == 0 ? velocity[index] == update[index] : velocity[index] == 0) }
    }

    @Test func downlinkReplicaConverges() throws {
        // With a fixed model and the 1-bit least-error codec each round leaves .363 of the squared distance.
        let count = 1 << 13
        let layout = try TestVectors.flat(count)
        let model = TestVectors.gaussian(count)
        var server = DownlinkReplica(weights: ParameterVector(zeros: count))
        var client = server
        let codec = EdenCodec(bits: 1, scale: .leastError)
        var distance = model.squaredNorm
        for round in 0..<5 {
            let bytes = try server.advance(to: model, codec: codec, layout: layout, seed: Seed(UInt64(round)))
            try client.apply(bytes, codec: codec, layout: layout, seed: Seed(UInt64(round)))
            #expect(client.weights == server.weights && client.version == round + 1)
            let next = model.subtracting(server.weights).squaredNorm
            #expect(abs(next / distance / 0.3634 - 1) < 0.06)
            distance = next
        }
    }

    @Test func adaptivePrecisionSettlesWhereNoiseIsTolerable() {
        let bounds = AdaptivePrecision.Bounds(minimumBits: 0.5, maximumBits: 8, tolerance: 0.05, updateCount: 10)
        var control = AdaptivePrecision(bounds: bounds, startBits: 8)
        for _ in 0..<40 {
            let error = Glibc.pow(4, -control.bits) * 1.4
            control.observe(error: error, coherence: 0.3 + error / 10)
        }
        // error / (10 * 0.3) = 0.05  ->  4^-b 1.4 = 0.15
        #expect(abs(control.bits - 1.61) < 0.1)
    }
}
