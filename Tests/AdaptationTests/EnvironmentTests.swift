// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Learning
import Randomness
import Testing

@Suite struct EnvironmentTests {
    static let side = 16

    static func images(_ count: Int, seed: UInt64, noise: Float = 0, shift: Float = 0) -> [Float] {
        var generator = SeededGenerator(seed: Seed(seed))
        return (0..<(count * side * side)).map { index in
            let (row, column) = (index / side % side, index % side)
            let shape: Float = row > 4 && row < 12 && column > 4 && column < 12 ? 0.7 : 0
            return shape + shift + 0.1 * generator.uniformFloat() + noise * (generator.uniformFloat() - 0.5)
        }
    }

    static func scale() throws -> EnvironmentScale {
        try EnvironmentScale(clean: images(64, seed: 1), height: side, width: side)
    }

    @Test func environmentsAreKnownAgain() throws {
        let scale = try Self.scale()
        var library = try EnvironmentLibrary<Int>(capacity: 8, radius: 2)
        let worlds: [(noise: Float, shift: Float)] = [(0, 0), (0.8, 0), (0, 0.3)]
        for (number, world) in worlds.enumerated() {
            let key = scale.key(of: Self.images(16, seed: 2 + UInt64(number), noise: world.noise, shift: world.shift))
            #expect(library.recall(key) { _ in number } == (number, true))
        }
        for (number, world) in worlds.enumerated() {
            let key = scale.key(of: Self.images(16, seed: 20 + UInt64(number), noise: world.noise, shift: world.shift))
            #expect(library.recall(key) { _ in -1 } == (number, false))
            #expect(library[number] == number)
        }
    }

    @Test func theOldestUnusedEnvironmentMakesRoom() throws {
        let scale = try Self.scale()
        var library = try EnvironmentLibrary<Int>(capacity: 2, radius: 0.2)
        let keys = [Float(0), 0.3, 0.6].map { scale.key(of: Self.images(8, seed: 3, shift: $0)) }
        _ = library.recall(keys[0]) { _ in 0 }
        _ = library.recall(keys[1]) { _ in 1 }
        _ = library.recall(keys[0]) { _ in 0 }
        _ = library.recall(keys[2]) { _ in 2 }
        #expect(library.entries.map(\.content) == [0, 2])
        #expect(library[1] == nil)
    }

    @Test func aNewEnvironmentIsGivenTheNearest() throws {
        let scale = try Self.scale()
        var library = try EnvironmentLibrary<Int>(capacity: 8, radius: 0.1)
        let keys = [Float(0), 0.6, 0.55].map { scale.key(of: Self.images(8, seed: 3, shift: $0)) }
        _ = library.recall(keys[0]) { nearest in
            #expect(nearest == nil)
            return 0
        }
        _ = library.recall(keys[1]) { nearest in
            #expect(nearest?.content == 0)
            return 1
        }
        _ = library.recall(keys[2]) { nearest in
            #expect(nearest?.content == 1)
            return 2
        }
    }

    @Test func theScaleNeedsCleanImages() {
        #expect(throws: AdaptationError.self) { try EnvironmentScale(clean: [0, 1, 2, 3], height: 2, width: 2) }
        #expect(throws: AdaptationError.self) { try EnvironmentLibrary<Int>(capacity: 0, radius: 1) }
        #expect(throws: AdaptationError.self) { try EnvironmentLibrary<Int>(capacity: 1, radius: .nan) }
    }
}
