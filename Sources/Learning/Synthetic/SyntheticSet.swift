// SPDX-License-Identifier: Apache-2.0

internal import ModelState
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
        let (common, clients) = (rule(seed), Array(clients))
        let (values, labels) = Self.draw(clients.count * samples, features) { table in
            Concurrently.ranges(of: clients.count, grain: max(1, Self.grainValues / (samples * features))) { range in
                for position in range {
                    var generator = SeededGenerator(
                        seed: seed.deriving("synthetic-client", UInt64(clients[position]))
                    )
                    let own = common.map { $0 + Float(Self.spread * generator.normal()) }
                    draw((position * samples)..<((position + 1) * samples), own, &generator, into: table)
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
        let (values, labels) = Self.draw(test, features) { table in
            var generator = SeededGenerator(seed: seed.deriving("synthetic-test"))
            draw(0..<test, common, &generator, into: table)
        }
        return SampleTable(floats: values, shape: [features], labels: labels)
    }

    /// The common rule, `[features][classes]`.
    private func rule(_ seed: Seed) -> [Float] {
        var generator = SeededGenerator(seed: seed.deriving("synthetic-rule"))
        return (0..<(features * classes)).map { _ in Float(generator.normal()) }
    }

    /// The values that a thread draws at a time.
    private static let grainValues = 1 << 17

    /// Samples that are being drawn.
    private struct Rows: @unchecked Sendable {
        // Sendable: every row has one writer, and is read after all have finished.
        let values: UnsafeMutablePointer<Float>
        let labels: UnsafeMutablePointer<Int32>
    }

    private static func draw(_ rows: Int, _ features: Int, _ body: (Rows) -> Void) -> ([Float], [Int32]) {
        var labels: [Int32] = []
        let values = [Float](unsafeUninitializedCapacity: rows * features) { values, valueCount in
            HugePages.advise(UnsafeRawBufferPointer(values))
            labels = [Int32](unsafeUninitializedCapacity: rows) { labels, labelCount in
                if let values = values.baseAddress, let labels = labels.baseAddress {
                    body(Rows(values: values, labels: labels))
                }
                labelCount = rows
            }
            valueCount = rows * features
        }
        return (values, labels)
    }

    /// Draws samples and labels them.
    private func draw(_ rows: Range<Int>, _ rule: [Float], _ generator: inout SeededGenerator, into table: Rows) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: classes) { scores in
            rule.withUnsafeBufferPointer { rule in
                for row in rows {
                    let values = table.values + row * features
                    for feature in 0..<features { values[feature] = Float(generator.normal()) }
                    table.labels[row] = label(of: values, rule, scores)
                }
            }
        }
    }

    private func label(
        of values: UnsafePointer<Float>,
        _ rule: UnsafeBufferPointer<Float>,
        _ scores: UnsafeMutableBufferPointer<Float>
    ) -> Int32 {
        scores.initialize(repeating: 0)
        // All classes at once: each score is still summed in the order of the features.
        for feature in 0..<features {
            let (value, first) = (values[feature], feature * classes)
            for label in 0..<classes { scores[label] += value * rule[first + label] }
        }
        var best = (score: -Float.infinity, label: 0)
        for label in 0..<classes where scores[label] > best.score { best = (scores[label], label) }
        return Int32(best.label)
    }
}
