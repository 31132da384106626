// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// Clusters unit vectors into groups of about one size (k-means with even assignments).
///
/// A client sends the centroids instead of features: what its data look like, without its samples.
public struct BalancedClusters: Sendable, Hashable {
    /// The number of clusters, 1 or more.
    public let count: Int
    /// How often vectors are assigned and centroids moved.
    public let iterations: Int
    private let assignment: Sinkhorn

    /// Creates the method.
    ///
    /// - Throws: ``AdaptationError`` with code `invalidParameter`.
    public init(count: Int = 32, iterations: Int = 5) throws {
        guard count >= 1, iterations >= 1 else {
            throw AdaptationError(
                .invalidParameter,
                "there are 1 or more clusters (\(count)) and iterations (\(iterations))"
            )
        }
        self.count = count
        self.iterations = iterations
        assignment = try Sinkhorn(iterations: 10)
    }

    /// The centroids as unit vectors; as many as there are vectors where these are fewer.
    public func centroids(of vectors: FeatureVectors, seed: Seed) -> FeatureVectors {
        let vectors = vectors.normalized
        let count = min(count, vectors.count)
        guard count > 0 else { return vectors }
        var generator = SeededGenerator(seed: seed.deriving("clusters"))
        var centroids = vectors.picked(generator.sample(count, of: vectors.count))
        for _ in 0..<iterations {
            let shares = assignment.assign(vectors.products(centroids), clusters: count)
            var sums = [Float](repeating: 0, count: count * vectors.width)
            var sizes = [Int](repeating: 0, count: count)
            for row in 0..<vectors.count {
                let range = (row * count)..<((row + 1) * count)
                let best = (range.max { shares[$0] < shares[$1] } ?? range.lowerBound) - range.lowerBound
                sizes[best] += 1
                for (index, value) in vectors[row].enumerated() { sums[best * vectors.width + index] += value }
            }
            for (cluster, size) in sizes.enumerated() where size == 0 {
                let replacement = generator.below(vectors.count)
                sums.replaceSubrange(
                    (cluster * vectors.width)..<((cluster + 1) * vectors.width),
                    with: vectors[replacement]
                )
            }
            centroids = FeatureVectors(sums, width: vectors.width).normalized
        }
        return centroids
    }
}
