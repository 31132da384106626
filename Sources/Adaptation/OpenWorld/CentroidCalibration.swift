// SPDX-License-Identifier: Apache-2.0

internal import Selection

/// Fits the global centroids, one for each class, to the centroids of all clients, and gives seen classes the nearest.
///
/// After FedoSSL's calibration module (Zhang and others 2023). With clients' centroids z, global centroids C, an even
/// assignment Q (``Sinkhorn``) that is kept fixed in each step, and `P = softmax(z C^T / temperature)`, steps of SGD
/// minimise `- mean_i cos(Q_i, P_i)`; centroids are unit vectors after every step.
public struct CentroidCalibration: Sendable, Hashable {
    /// Steps.
    public let steps: Int
    /// The rate of a step.
    public let rate: Float
    /// The temperature of P.
    public let temperature: Float
    private let momentum: Float = 0.9
    private let decay: Float = 1e-4
    private let assignment: Sinkhorn

    /// Creates the method.
    ///
    /// - Throws: ``AdaptationError`` with code `invalidParameter`.
    public init(steps: Int = 500, rate: Float = 0.01, temperature: Float = 0.1) throws {
        guard steps >= 0, rate >= 0, rate.isFinite, temperature > 0, temperature.isFinite else {
            throw AdaptationError(
                .invalidParameter,
                "calibration needs steps (\(steps)) and a rate (\(rate)) of 0 or more and a positive temperature "
                    + "(\(temperature))"
            )
        }
        self.steps = steps
        self.rate = rate
        self.temperature = temperature
        assignment = try Sinkhorn()
    }

    /// The global centroids, in the order of the classes.
    ///
    /// - Parameters:
    ///   - local: the centroids of all clients.
    ///   - start: the centroids of the round before; nil for some of the clients' that lie far apart: two that begin
    ///     at the same place would stay together.
    ///   - means: the mean features of seen classes by class; each takes its nearest free centroid, the class with the
    ///     surest choice first, the others fill the rest.
    /// - Throws: ``AdaptationError``: `missingInput` for fewer centroids than classes, `shapeMismatch`, `notFinite`.
    public func centroids(
        classes: Int,
        local: FeatureVectors,
        from start: FeatureVectors? = nil,
        means: [Int: [Float]]
    ) throws -> FeatureVectors {
        guard classes >= 1, local.count >= classes else {
            throw AdaptationError(.missingInput, "\(local.count) centroids of clients do not make \(classes) classes")
        }
        guard means.allSatisfy({ (0..<classes).contains($0.key) && $0.value.count == local.width }),
            start.map({ $0.width == local.width && $0.count == classes }) ?? true
        else { throw AdaptationError(.shapeMismatch, "means or centroids do not fit features of \(local.width)") }
        guard local.values.allSatisfy(\.isFinite), means.allSatisfy({ $0.value.allSatisfy(\.isFinite) }) else {
            throw AdaptationError(.notFinite, "a client's centroid or mean holds a value that is not finite")
        }
        let points = local.normalized
        var centroids = start?.normalized ?? Self.spread(points, classes)
        var velocity = [Float](repeating: 0, count: centroids.values.count)
        for _ in 0..<steps {
            let gradient = gradient(centroids, points)
            for index in velocity.indices {
                velocity[index] =
                    momentum * velocity[index] + gradient[index] + decay * centroids.values[index]
                centroids.values[index] -= rate * velocity[index]
            }
            centroids = centroids.normalized
        }
        return seated(centroids, means)
    }

    /// Points that lie far from each other.
    private static func spread(_ points: FeatureVectors, _ count: Int) -> FeatureVectors {
        let chosen = points.values.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return [Int]() }
            let rows = FeatureRows(base: base, rowCount: points.count, featureCount: points.width)
            return KCenterGreedy().select(count, features: rows).chosen
        }
        let rest = (0..<points.count).filter { !chosen.contains($0) }
        return points.picked(Array((chosen + rest).prefix(count)))
    }

    /// The gradient of the loss with respect to the centroids.
    func gradient(_ centroids: FeatureVectors, _ points: FeatureVectors) -> [Float] {
        let classes = centroids.count
        let products = points.products(centroids)
        let targets = assignment.assign(products, clusters: classes)
        let shares = RowSoftmax.apply(products, width: classes, scale: 1 / temperature)
        var gradient = [Float](repeating: 0, count: centroids.values.count)
        for row in 0..<points.count {
            let range = (row * classes)..<((row + 1) * classes)
            let (target, share) = (Array(targets[range]), Array(shares[range]))
            let targetNorm = norm(target)
            let shareNorm = norm(share)
            guard targetNorm > 0, shareNorm > 0 else { continue }
            let cosine = zip(target, share).reduce(0) { $0 + $1.0 * $1.1 } / (targetNorm * shareNorm)
            // d cos / d p, then through the softmax.
            let slopes = zip(target, share).map {
                $0 / (targetNorm * shareNorm) - cosine * $1 / (shareNorm * shareNorm)
            }
            let mean = zip(slopes, share).reduce(0) { $0 + $1.0 * $1.1 }
            let scale = -1 / (temperature * Float(points.count))
            for column in 0..<classes {
                let slope = scale * share[column] * (slopes[column] - mean)
                for (index, value) in points[row].enumerated() {
                    gradient[column * points.width + index] += slope * value
                }
            }
        }
        return gradient
    }

    private func norm(_ values: [Float]) -> Float { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }

    private func seated(_ centroids: FeatureVectors, _ means: [Int: [Float]]) -> FeatureVectors {
        let seen = means.keys.sorted()
        let vectors = FeatureVectors(seen.flatMap { means[$0] ?? [] }, width: centroids.width).normalized
        let products = vectors.products(centroids)
        var pairs: [(product: Float, seen: Int, centroid: Int)] = []
        for row in seen.indices {
            for column in 0..<centroids.count { pairs.append((products[row * centroids.count + column], row, column)) }
        }
        pairs.sort {
            $0.product != $1.product
                ? $0.product > $1.product : ($0.seen, $0.centroid) < ($1.seen, $1.centroid)
        }
        var seats = [Int?](repeating: nil, count: centroids.count)
        var (placed, taken): (Set<Int>, Set<Int>) = ([], [])
        for pair in pairs where !placed.contains(pair.seen) && !taken.contains(pair.centroid) {
            seats[seen[pair.seen]] = pair.centroid
            placed.insert(pair.seen)
            taken.insert(pair.centroid)
        }
        var free = (0..<centroids.count).filter { !taken.contains($0) }[...]
        return centroids.picked(seats.map { $0 ?? free.popFirst() ?? 0 })
    }
}
