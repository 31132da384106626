// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What a client with labelled and unlabelled samples of seen and unseen classes minimises at its features (after
/// FedoSSL, Zhang and others 2023, on ORCA's objective, Cao and others 2022).
///
/// With unit features h, unit class vectors w, logits `z = 10 h w^T`, `p = softmax(z)`, each sample i's partner j
/// (another labelled one of its class, or the unlabelled one's nearest neighbour) and centroids C,
/// `q = softmax(h C^T / 0.1)`:
///
///     L = CE(labelled, the right logit raised by 10 min(u, 1/2)) - mean ln <p_i, p_j> - H(mean p)
///         + suppression mean_unlabelled weight_y (1 - p_y) / classes,   y = argmax p
///         + alignment mean_i H(q_i, q_j) + [q_i surer than the floor] CE(p_i, argmax q_i)
///
/// where u is the mean `1 - max p` of unlabelled samples: while these are unsure the seen classes are made easier.
public struct OpenWorldObjective: Sendable {
    /// What a batch gave.
    public struct Step: Sendable {
        /// The loss.
        public let loss: Double
        /// The gradient with respect to the features.
        public let features: FeatureVectors
        /// The gradient with respect to the class vectors.
        public let head: FeatureVectors
    }

    static let scale: Float = 10
    static let temperature: Float = 0.1
    /// Whether unlabelled samples count at all.
    public var usesUnlabelled = true
    /// The weight of the suppressed confidence; 0 for none.
    public var suppression: Float = 0
    /// The weights of that by class.
    public var classWeights: [Float] = []
    /// The weight of the clusters' alignment; 0 for none.
    public var alignment: Float = 0
    /// The cluster's probability from which it labels a sample; above 1 for never.
    public var clusterFloor: Float = 1.1
    /// The global centroids by class; nil for none.
    public var centroids: FeatureVectors?

    /// Creates the supervised objective with unlabelled samples, without FedoSSL's two parts.
    public init() {}

    /// The loss of a batch and its gradients.
    ///
    /// - Parameters:
    ///   - labels: the classes; nil for unlabelled samples.
    ///   - partners: the partner of each row, itself for none.
    /// - Precondition: a label and a partner for each row.
    public func step(
        _ raw: FeatureVectors,
        head rawHead: FeatureVectors,
        labels: [Int?],
        partners: [Int]
    ) -> Step {
        precondition(labels.count == raw.count && partners.count == raw.count, "a label and a partner for each row")
        let (features, head) = (raw.normalized, rawHead.normalized)
        let classes = head.count
        let products = features.products(head)
        let shares = RowSoftmax.apply(products, width: classes, scale: Self.scale)
        var logits = [Float](repeating: 0, count: shares.count)
        var loss = supervised(products, shares, labels, classes, into: &logits)
        var directions = [Float](repeating: 0, count: raw.values.count)
        if usesUnlabelled {
            var slopes = [Float](repeating: 0, count: shares.count)
            loss += pairs(shares, partners, classes, into: &slopes)
            loss += diversity(shares, classes, into: &slopes)
            if suppression > 0 { loss += suppressed(shares, labels, classes, into: &slopes) }
            Self.throughSoftmax(shares, slopes, classes, into: &logits)
            if let centroids { loss += clusters(features, centroids, shares, labels, partners, &logits, &directions) }
        }
        var headDirections = [Float](repeating: 0, count: head.values.count)
        for row in 0..<raw.count {
            for column in 0..<classes {
                let slope = Self.scale * logits[row * classes + column]
                guard slope != 0 else { continue }
                for index in 0..<raw.width {
                    directions[row * raw.width + index] += slope * head.values[column * raw.width + index]
                    headDirections[column * raw.width + index] += slope * features.values[row * raw.width + index]
                }
            }
        }
        return Step(
            loss: loss,
            features: Self.throughNorm(raw, features, directions),
            head: Self.throughNorm(rawHead, head, headDirections)
        )
    }

    private func supervised(
        _ products: [Float],
        _ shares: [Float],
        _ labels: [Int?],
        _ classes: Int,
        into logits: inout [Float]
    ) -> Double {
        let unlabelled = labels.indices.filter { labels[$0] == nil }
        let doubts = unlabelled.map { 1 - (shares[($0 * classes)..<(($0 + 1) * classes)].max() ?? 0) }
        let doubt = doubts.isEmpty ? 0 : doubts.reduce(0, +) / Float(doubts.count)
        let margin = usesUnlabelled ? min(doubt, 0.5) : 0
        let count = Float(labels.count - unlabelled.count)
        var loss = 0.0
        for (row, label) in labels.enumerated() {
            guard let label else { continue }
            var values = Array(products[(row * classes)..<((row + 1) * classes)])
            values[label] += margin
            let answer = RowSoftmax.apply(values, width: classes, scale: Self.scale)
            loss -= Double(Glibc.logf(max(answer[label], 1e-30)) / count)
            for column in 0..<classes {
                logits[row * classes + column] += (answer[column] - (column == label ? 1 : 0)) / count
            }
        }
        return loss
    }

    private func pairs(_ shares: [Float], _ partners: [Int], _ classes: Int, into slopes: inout [Float]) -> Double {
        var loss = 0.0
        let count = Float(partners.count)
        for (row, partner) in partners.enumerated() {
            var product: Float = 0
            for column in 0..<classes { product += shares[row * classes + column] * shares[partner * classes + column] }
            product = max(product, 1e-7)
            loss -= Double(Glibc.logf(product) / count)
            for column in 0..<classes {
                slopes[row * classes + column] -= shares[partner * classes + column] / (product * count)
                slopes[partner * classes + column] -= shares[row * classes + column] / (product * count)
            }
        }
        return loss
    }

    private func diversity(_ shares: [Float], _ classes: Int, into slopes: inout [Float]) -> Double {
        let count = shares.count / classes
        var mean = [Float](repeating: 0, count: classes)
        for index in shares.indices { mean[index % classes] += shares[index] / Float(count) }
        let logs = mean.map { Glibc.logf(max($0, 1e-30)) }
        for index in slopes.indices { slopes[index] += (logs[index % classes] + 1) / Float(count) }
        return zip(mean, logs).reduce(0) { $0 + Double($1.0 * $1.1) }
    }

    private func suppressed(
        _ shares: [Float],
        _ labels: [Int?],
        _ classes: Int,
        into slopes: inout [Float]
    ) -> Double {
        let rows = labels.indices.filter { labels[$0] == nil }
        var loss = 0.0
        for row in rows {
            let range = (row * classes)..<((row + 1) * classes)
            let best = range.max { shares[$0] < shares[$1] } ?? range.lowerBound
            let weight = suppression * classWeights[best - range.lowerBound] / Float(rows.count * classes)
            loss += Double(weight * (1 - shares[best]))
            slopes[best] -= weight
        }
        return loss
    }

    private func clusters(
        _ features: FeatureVectors,
        _ centroids: FeatureVectors,
        _ shares: [Float],
        _ labels: [Int?],
        _ partners: [Int],
        _ logits: inout [Float],
        _ directions: inout [Float]
    ) -> Double {
        let classes = centroids.count
        let answers = RowSoftmax.apply(features.products(centroids), width: classes, scale: 1 / Self.temperature)
        let count = Float(partners.count)
        var slopes = [Float](repeating: 0, count: answers.count)
        var loss = 0.0
        for (row, partner) in partners.enumerated() {
            for column in 0..<classes {
                let (mine, other) = (answers[row * classes + column], max(answers[partner * classes + column], 1e-12))
                loss -= Double(alignment * mine * Glibc.logf(other) / count)
                slopes[row * classes + column] -= alignment * Glibc.logf(other) / count
                slopes[partner * classes + column] -= alignment * mine / (other * count)
            }
        }
        var through = [Float](repeating: 0, count: answers.count)
        Self.throughSoftmax(answers, slopes, classes, into: &through)
        for row in 0..<features.count {
            for column in 0..<classes {
                let slope = through[row * classes + column] / Self.temperature
                for index in 0..<features.width {
                    directions[row * features.width + index] +=
                        slope * centroids.values[column * features.width + index]
                }
            }
        }
        return loss + clusterLabels(answers, shares, labels, classes, into: &logits)
    }

    private func clusterLabels(
        _ answers: [Float],
        _ shares: [Float],
        _ labels: [Int?],
        _ classes: Int,
        into logits: inout [Float]
    ) -> Double {
        let rows = labels.indices.filter { row in
            labels[row] == nil && answers[(row * classes)..<((row + 1) * classes)].contains { $0 > clusterFloor }
        }
        let total = Float(labels.count { $0 == nil })
        var loss = 0.0
        for row in rows {
            let range = (row * classes)..<((row + 1) * classes)
            let best = range.max { answers[$0] < answers[$1] } ?? range.lowerBound
            loss -= Double(Glibc.logf(max(shares[best], 1e-30)) / total)
            for index in range { logits[index] += (shares[index] - (index == best ? 1 : 0)) / total }
        }
        return loss
    }

    /// Adds `p (g - <g, p>)` row by row.
    private static func throughSoftmax(
        _ shares: [Float],
        _ slopes: [Float],
        _ classes: Int,
        into result: inout [Float]
    ) {
        for start in stride(from: 0, to: shares.count, by: classes) {
            var mean: Float = 0
            for index in start..<(start + classes) { mean += shares[index] * slopes[index] }
            for index in start..<(start + classes) { result[index] += shares[index] * (slopes[index] - mean) }
        }
    }

    /// The gradient with respect to vectors from that with respect to their directions: `(g - u <u, g>) / |v|`.
    private static func throughNorm(
        _ raw: FeatureVectors,
        _ unit: FeatureVectors,
        _ directions: [Float]
    ) -> FeatureVectors {
        var result = FeatureVectors(directions, width: raw.width)
        for row in 0..<raw.count {
            let norm = raw[row].reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
            var along: Float = 0
            for index in 0..<raw.width {
                along += unit.values[row * raw.width + index] * directions[row * raw.width + index]
            }
            for index in (row * raw.width)..<((row + 1) * raw.width) {
                result.values[index] = norm > 0 ? (directions[index] - unit.values[index] * along) / norm : 0
            }
        }
        return result
    }
}
