// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Learning
import Randomness
import Rounds
import Testing

@testable import Adaptation

/// Device and cloud that exchange bytes.
@Suite struct ExchangeTests {
    private static let side = TinyWorld.side

    private func plan(_ further: String = "") throws -> AdaptationPlan {
        let text = """
            {"upload": {"rate": 0.5, "reserve": 0.2}, "batch_size": 12, "prompt": "full", "environments": {"radius": 5}
            \(further)}
            """
        return try JSONDecoder().decode(AdaptationPlan.self, from: Data(text.utf8))
    }

    private func ends(_ plan: AdaptationPlan, after version: UInt32 = 0) throws -> (DeviceEnd, CloudEnd) {
        let world = try TinyWorld()
        let (images, labels) = TinyWorld.images(48, seed: Seed(31))
        let heldOut = SampleTable(floats: images, shape: [Self.side, Self.side], labels: labels)
        let device = try DeviceEnd(
            plan,
            model: world.model,
            source: world.source,
            heldOut: heldOut,
            seed: Seed(4)
        )
        let cloud = try CloudEnd(
            plan,
            device: world.model,
            source: world.source,
            teacher: world.model,
            teacherParameters: world.source,
            seed: Seed(4),
            after: version
        )
        return (device, cloud)
    }

    /// Answers batches until something is sent; gives the batch's bytes.
    private func firstBatch(
        _ device: inout DeviceEnd,
        fields: Set<SampleField> = [.pixels, .uncertainty, .statistics]
    )
        throws -> [UInt8]
    {
        for number in 0..<40 {
            let (images, _) = TinyWorld.images(12, seed: Seed(100 + UInt64(number)))
            _ = try device.answer(images, first: 12 * number)
            if let batch = try device.batch(fields: fields) {
                return batch.encoded(device.plan.coding, device.shape).bytes
            }
        }
        throw AdaptationError(.missingInput, "nothing was chosen in 480 samples")
    }

    @Test func whatTheCloudLearnsIsAppliedAndVersionsRise() throws {
        var (device, cloud) = try ends(plan())
        for version in UInt32(1)...3 {
            let update = try #require(try cloud.learn(firstBatch(&device)))
            #expect(update.version == version && update.bytes.count < AdaptationUpdate.maximumBytes)
            _ = try device.apply(update.bytes)
            #expect(device.state.version == version)
        }
        let stale = try AdaptationUpdate(environment: 0, version: 1, state: device.state.state(in: 0)).encoded()
        #expect(throws: AdaptationError.self) { try device.apply(stale) }
    }

    @Test func theSameBytesInTheSameOrderGiveTheSameUpdates() throws {
        var (device, first) = try ends(plan())
        let (_, second) = try ends(plan())
        for _ in 0..<3 {
            let bytes = try firstBatch(&device)
            let (one, two) = (try first.learn(bytes), try second.learn(bytes))
            #expect(one?.bytes == two?.bytes && one != nil)
            if let one { _ = try device.apply(one.bytes) }
        }
    }

    @Test func aCloudThatBeginsAnewGoesOnCounting() throws {
        var (device, cloud) = try ends(plan(), after: 1 << 20)
        let update = try #require(try cloud.learn(firstBatch(&device)))
        #expect(update.version == 1 << 20 + 1)
        _ = try device.apply(update.bytes)
    }

    @Test func whatTheSiteKeepsIsNotInTheBytes() throws {
        var (device, cloud) = try ends(plan())
        let bytes = try firstBatch(&device, fields: [.pixels])
        let batch = try cloud.read(bytes)
        #expect(batch.statistics.isEmpty && batch.samples.allSatisfy { $0.uncertainty == 0 })
        _ = try device.answer(TinyWorld.images(12, seed: Seed(1)).images, first: 0)
        #expect(try device.batch(fields: [.uncertainty, .statistics]) == nil)
        #expect(try cloud.learn(bytes) != nil)
    }

    @Test func samplesInABottleneckAreLearntFrom() throws {
        var (device, cloud) = try ends(plan(", \"coding\": \"dct:4\""))
        let bytes = try firstBatch(&device)
        let batch = try cloud.read(bytes)
        #expect(bytes.count == 16 + 2 * batch.statistics.count + batch.samples.count * (6 + 4 + 16))
        #expect(try cloud.learn(bytes) != nil)
    }

    @Test func damagedBatchesChangeNothing() throws {
        var (device, cloud) = try ends(plan())
        let bytes = try firstBatch(&device)
        #expect(throws: AdaptationError.self) { try cloud.learn(Array(bytes.dropLast())) }
        #expect(throws: AdaptationError.self) { try cloud.learn([1, 2, 3]) }
        #expect(try cloud.learn(bytes)?.version == 1)
    }

    @Test func aRestartedDeviceGoesOnWithWhatWasInForce() throws {
        var (device, cloud) = try ends(plan())
        let update = try #require(try cloud.learn(firstBatch(&device)))
        _ = try device.apply(update.bytes)
        let kept = try JSONEncoder().encode(device.state.snapshot(answered: 77))
        var (again, _) = try ends(plan())
        let snapshot = try JSONDecoder().decode(DeviceSnapshot.self, from: kept)
        try again.restore(snapshot)
        #expect(snapshot.answered == 77 && again.state.version == device.state.version)
        #expect(again.state.environmentCount == device.state.environmentCount)
        let (images, _) = TinyWorld.images(12, seed: Seed(700))
        let (one, two) = (try again.answer(images, first: 0), try device.answer(images, first: 0))
        #expect(one.logits == two.logits)
        var (other, _) = try ends(plan(", \"delta\": []"))
        #expect(throws: AdaptationError.self) { try other.restore(snapshot) }
    }

    @Test func plansAreReadStrictly() throws {
        #expect(try plan(", \"coding\": \"uint4\", \"bytes_per_day\": 9").bytesPerDay == 9)
        for wrong in [
            ", \"codings\": 1", ", \"coding\": \"png\"", ", \"bytes_per_day\": -1",
            ", \"teacher\": {}",
        ] {
            #expect(throws: SpecificationError.self, "\(wrong)") { try plan(wrong) }
        }
        let tiny = #"{"batch_size": 1}"#
        #expect(throws: SpecificationError.self) {
            try JSONDecoder().decode(AdaptationPlan.self, from: Data(tiny.utf8))
        }
        let knapsack = #"{"upload": {"choice": "knapsack"}}"#
        #expect(throws: SpecificationError.self) {
            try JSONDecoder().decode(AdaptationPlan.self, from: Data(knapsack.utf8))
        }
    }
}
