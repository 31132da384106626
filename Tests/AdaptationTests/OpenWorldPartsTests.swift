// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Randomness
import Testing

@Suite struct OpenWorldPartsTests {
    private static func similarities(_ rows: Int, _ columns: Int, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: Seed(seed))
        return (0..<(rows * columns)).map { _ in 2 * generator.uniformFloat() - 1 }
    }

    /// Groups of vectors around the axes.
    private static func groups(_ sizes: [Int], width: Int, seed: UInt64) -> FeatureVectors {
        var generator = SeededGenerator(seed: Seed(seed))
        var values: [Float] = []
        for (axis, size) in sizes.enumerated() {
            for index in 0..<(size * width) {
                values.append((index % width == axis ? 1 : 0) + 0.1 * (2 * generator.uniformFloat() - 1))
            }
        }
        return FeatureVectors(values, width: width)
    }

    @Test func assignmentsAreProbabilitiesAndEven() throws {
        let shares = try Sinkhorn(sharpness: 5).assign(Self.similarities(60, 4, seed: 1), clusters: 4)
        var columns = [Float](repeating: 0, count: 4)
        for row in 0..<60 {
            let values = shares[(row * 4)..<(row * 4 + 4)]
            #expect(abs(values.reduce(0, +) - 1) < 1e-4 && values.allSatisfy { $0 >= 0 })
            for (index, value) in values.enumerated() { columns[index] += value }
        }
        #expect(columns.allSatisfy { abs($0 - 15) < 0.5 })
    }

    /// All samples prefer the first cluster; it still gets its share only, of those that prefer it most.
    @Test func aClusterThatEverybodyLikesIsShared() throws {
        let similarities: [Float] = (0..<20).flatMap { row -> [Float] in [Float(row) / 20, 0] }
        let shares = try Sinkhorn(sharpness: 25, iterations: 1_000).assign(similarities, clusters: 2)
        let first = (0..<20).map { shares[2 * $0] }
        #expect(abs(first.reduce(0, +) - 10) < 0.2)
        #expect(first == first.sorted())
    }

    @Test func centroidsFindTheGroups() throws {
        let vectors = Self.groups([30, 30, 30], width: 3, seed: 2)
        let centroids = try BalancedClusters(count: 3, iterations: 10).centroids(of: vectors, seed: Seed(1))
        let products = centroids.products(FeatureVectors([1, 0, 0, 0, 1, 0, 0, 0, 1], width: 3))
        for axis in 0..<3 { #expect((0..<3).contains { products[$0 * 3 + axis] > 0.95 }) }
        #expect(try BalancedClusters(count: 8).centroids(of: vectors.picked([1, 2]), seed: Seed(1)).count == 2)
    }

    @Test func calibrationFindsTheGroupsAndSeatsSeenClasses() throws {
        let local = Self.groups([12, 12, 12], width: 4, seed: 3)
        let means: [Int: [Float]] = [2: [1, 0, 0, 0], 0: [0, 0, 1, 0]]
        let centroids = try CentroidCalibration(rate: 0.1)
            .centroids(classes: 3, local: local, means: means)
        #expect(centroids[2].first ?? 0 > 0.9)
        #expect(Array(centroids[0])[2] > 0.9)
        #expect(Array(centroids[1])[1] > 0.9)
    }

    @Test func calibrationRefusesWhatItCannotUse() throws {
        let local = Self.groups([2, 2], width: 3, seed: 3)
        let calibration = try CentroidCalibration(steps: 1)
        #expect(throws: AdaptationError.self) {
            try calibration.centroids(classes: 5, local: local, means: [:])
        }
        #expect(throws: AdaptationError.self) {
            try calibration.centroids(classes: 2, local: local, means: [0: [1]])
        }
        var broken = local
        broken.values[0] = .nan
        #expect(throws: AdaptationError.self) {
            try calibration.centroids(classes: 2, local: broken, means: [:])
        }
    }

    @Test func rareClassesWeighTheBase() throws {
        let weights = try SuppressedConfidence(base: 0.2).weights(counts: [100, 50, 0])
        #expect(weights[0] == 1 && abs(weights[1] - 0.447_213_6) < 1e-6 && abs(weights[2] - 0.2) < 1e-6)
        #expect(try SuppressedConfidence(base: 0.2).weights(counts: [0, 0]) == [0.2, 0.2])
        #expect(throws: AdaptationError.self) { try SuppressedConfidence(base: 0) }
    }
}
