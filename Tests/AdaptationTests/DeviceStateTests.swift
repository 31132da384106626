// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Testing

@Suite struct DeviceStateTests {
    struct World {
        let shape: PromptShape
        let layout: DeltaLayout
        var device: DeviceState
        let key: EnvironmentKey

        init() throws {
            shape = try PromptShape(height: 28, width: 28, region: .frame(1))
            layout = try AdaptationUpdateTests.layout()
            device = try DeviceState(shape: shape, layout: layout)
            let images = [Float](repeating: 0.3, count: 784) + [Float](repeating: 0.5, count: 784)
            key = try EnvironmentScale(clean: images, height: 28, width: 28).key(of: images)
            _ = device.environment(of: key)
        }

        func bytes(version: UInt32, seed: UInt64 = 1) throws -> [UInt8] {
            var update = try AdaptationUpdateTests.update(shape, layout, seed: seed)
            update.environment = 0
            update.version = version
            return try update.encoded()
        }
    }

    @Test func anUpdateIsAppliedAsAWhole() throws {
        var world = try World()
        let bytes = try world.bytes(version: 1)
        let expected = try AdaptationUpdate(decoding: bytes, shape: world.shape, layout: world.layout)
        #expect(try world.device.apply(bytes, tolerance: 0) { _ in 1 } == .applied)
        #expect(world.device.state(in: 0) == expected.state)
        #expect(world.device.version == 1)
    }

    @Test func aFallenHeldOutScoreBringsTheStateBefore() throws {
        var world = try World()
        _ = try world.device.apply(try world.bytes(version: 1), tolerance: 0) { _ in 1 }
        let before = world.device.state(in: 0)
        var scores = [0.9, 0.7]
        let outcome = try world.device.apply(try world.bytes(version: 2, seed: 2), tolerance: 0.1) { _ in
            scores.removeFirst()
        }
        #expect(outcome == .rolledBack(before: 0.9, after: 0.7))
        #expect(world.device.state(in: 0) == before)
        #expect(world.device.rollbacks == 1)
        // The version was looked at: the same update is not tried again.
        #expect(throws: AdaptationError.self) {
            try world.device.apply(try world.bytes(version: 2, seed: 2), tolerance: 1) { _ in 1 }
        }
    }

    @Test func aScoreThatIsNoNumberCountsAsFallen() throws {
        var world = try World()
        var scores = [0.0, Double.nan]
        let outcome = try world.device.apply(try world.bytes(version: 1), tolerance: 9) { _ in scores.removeFirst() }
        guard case .rolledBack = outcome else {
            Issue.record("the update was applied")
            return
        }
    }

    @Test func oldAndDamagedUpdatesChangeNothing() throws {
        var world = try World()
        _ = try world.device.apply(try world.bytes(version: 5), tolerance: 0) { _ in 1 }
        let before = world.device.state(in: 0)
        for version in [UInt32(0), 4, 5] {
            let error = #expect(throws: AdaptationError.self) {
                try world.device.apply(try world.bytes(version: version, seed: 3), tolerance: 0) { _ in 1 }
            }
            #expect(error?.code == .staleVersion)
        }
        #expect(throws: AdaptationError.self) { try world.device.apply([1, 2, 3], tolerance: 0) { _ in 1 } }
        #expect(world.device.state(in: 0) == before)
        #expect(world.device.version == 5)
    }

    @Test func aScoreThatThrowsChangesNothing() throws {
        struct Broken: Error {}
        var world = try World()
        #expect(throws: Broken.self) {
            try world.device.apply(try world.bytes(version: 1), tolerance: 0) { _ in throw Broken() }
        }
        #expect(world.device.version == 0)
        #expect(world.device.state(in: 0).delta.allSatisfy { $0 == 0 })
    }
}
