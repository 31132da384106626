// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// A procedural set of many clients: each labels its samples by a linear rule of its own around a common one.
///
///     rule_c = rule + spread * N(0, 1);   x ~ N(0, 1);   label = the first largest of x . rule_c
///
/// What a client has depends on the seed and the client's number alone, so that of a million clients only those of a
/// round need be drawn. Test samples follow the common rule.
public struct SyntheticSet: Sendable, Hashable {
    /// How far a client's rule is from the common one.
    public static let spread = 0.5

    /// The number of clients.
    public let clients: Int
    /// The samples of a client.
    public let samples: Int
    /// The test samples.
    public let test: Int
    /// The features of a sample.
    public let features: Int
    /// The number of classes.
    public let classes: Int

    /// Describes a set.
    ///
    /// - Precondition: all numbers but that of the test samples are at least 1.
    public init(clients: Int = 1_000, samples: Int = 20, test: Int = 2_000, features: Int = 60, classes: Int = 10) {
        precondition(clients > 0 && samples > 0 && features > 0 && classes > 0 && test >= 0, "a set has samples")
        self.clients = clients
        self.samples = samples
        self.test = test
        self.features = features
        self.classes = classes
    }

    /// The bytes that the samples of all clients take.
    public var byteCount: Int { clients * samples * (features * 4 + 8) }

    /// The samples of the given clients, one client after the other.
    public func table(of clients: some Collection<Int>, seed: Seed) -> SampleTable {
        let common = rule(seed)
        let (values, labels) = Self.draw(clients.count * samples, features) { values, labels in
            for (position, client) in clients.enumerated() {
                var generator = SeededGenerator(seed: seed.deriving("synthetic-client", UInt64(client)))
                let own = common.map { $0 + Float(Self.spread * generator.normal()) }
                for row in (position * samples)..<((position + 1) * samples) {
                    labels[row] = sample(own, &generator, into: values + row * features)
                }
            }
        }
        let owners = clients.flatMap { repeatElement(Int32(clamping: $0), count: samples) }
        return SampleTable(floats: values, shape: [features], labels: labels, clients: owners)
    }

    /// The test samples; nil for none.
    public func testTable(seed: Seed) -> SampleTable? {
        guard test > 0 else { return nil }
        let common = rule(seed)
        let (values, labels) = Self.draw(test, features) { values, labels in
            var generator = SeededGenerator(seed: seed.deriving("synthetic-test"))
            for row in 0..<test { labels[row] = sample(common, &generator, into: values + row * features) }
        }
        return SampleTable(floats: values, shape: [features], labels: labels)
    }

    /// The common rule, `[features][classes]`.
    private func rule(_ seed: Seed) -> [Float] {
        var generator = SeededGenerator(seed: seed.deriving("synthetic-rule"))
        return (0..<(features * classes)).map { _ in Float(generator.normal()) }
    }

    private static func draw(
        _ rows: Int,
        _ features: Int,
        _ body: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Int32>) -> Void
    ) -> ([Float], [Int32]) {
        var values = [Float](repeating: 0, count: rows * features)
        var labels = [Int32](repeating: 0, count: rows)
        values.withUnsafeMutableBufferPointer { values in
            labels.withUnsafeMutableBufferPointer { labels in
                guard let values = values.baseAddress, let labels = labels.baseAddress else { return }
                body(values, labels)
            }
        }
        return (values, labels)
    }

    /// Draws one sample and gives its label.
    private func sample(
        _ rule: [Float],
        _ generator: inout SeededGenerator,
        into values: UnsafeMutablePointer<Float>
    ) -> Int32 {
        for feature in 0..<features { values[feature] = Float(generator.normal()) }
        return rule.withUnsafeBufferPointer { rule in
            var best = (score: -Float.infinity, label: 0)
            for label in 0..<classes {
                var score: Float = 0
                for feature in 0..<features { score += values[feature] * rule[feature * classes + label] }
                if score > best.score { best = (score, label) }
            }
            return Int32(best.label)
        }
    }
}
