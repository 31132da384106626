// SPDX-License-Identifier: Apache-2.0

/// Labelled samples of one shape: N samples of D features each, one label each.
///
/// A table never changes; copies share memory, also between threads.
public struct SampleTable: Sendable {
    /// How the features are kept: bytes take a quarter of the memory of floats and are converted batch by batch.
    enum Features: Sendable {
        /// The feature's value is the byte times the scale.
        case bytes([UInt8], scale: Float)
        case floats([Float])
    }

    /// The extents of one sample, outermost first: `[28, 28]` for the image sets.
    public let shape: [Int]
    /// One class for each sample, 0 or more; any where ``isLabelled`` says no.
    public let labels: [Int32]
    /// Which samples somebody labelled; nil for all.
    public let isLabelled: [Bool]?
    /// The natural client (hospital, writer, ...) of each sample, where the source knows it.
    public let clients: [Int32]?
    /// Row-major, `count` x ``featureCount``.
    let features: Features

    /// Creates a table of bytes, each of which stands for its value divided by 255.
    ///
    /// - - Precondition: `labels.count` samples of `shape`'s product of bytes; no negative label; as many clients as
    ///   labels.
    public init(bytes: [UInt8], shape: [Int], labels: [Int32], clients: [Int32]? = nil) {
        self.init(features: .bytes(bytes, scale: 1 / 255), shape: shape, labels: labels, clients: clients)
    }

    /// Creates a table of floats.
    ///
    /// - - Precondition: `labels.count` samples of `shape`'s product of floats; no negative label; as many clients as
    ///   labels.
    public init(floats: [Float], shape: [Int], labels: [Int32], clients: [Int32]? = nil) {
        self.init(features: .floats(floats), shape: shape, labels: labels, clients: clients)
    }

    /// Creates a table of texts of one length: each byte stands for itself, the number of a character.
    ///
    /// - Precondition: `labels.count` texts of `length` characters; no negative label; as many clients as labels.
    public init(characters: [UInt8], length: Int, labels: [Int32], clients: [Int32]? = nil) {
        self.init(features: .bytes(characters, scale: 1), shape: [length], labels: labels, clients: clients)
    }

    init(features: Features, shape: [Int], labels: [Int32], clients: [Int32]?, isLabelled: [Bool]? = nil) {
        let width = shape.reduce(1, *)
        let valueCount =
            switch features {
            case .bytes(let values, _): values.count
            case .floats(let values): values.count
            }
        precondition(
            width > 0 && valueCount == width * labels.count,
            "a table needs as many features as its shape says"
        )
        precondition(clients == nil || clients?.count == labels.count, "a table needs one client for each sample")
        precondition(isLabelled == nil || isLabelled?.count == labels.count, "each sample is labelled or is not")
        precondition(labels.allSatisfy { $0 >= 0 }, "labels are 0 or more")
        precondition(labels.count <= Int(UInt32.max), "a table has at most 2^32 - 1 samples")
        self.features = features
        self.shape = shape
        self.labels = labels
        self.clients = clients
        self.isLabelled = isLabelled
    }

    /// The number of samples.
    public var count: Int { labels.count }

    /// The number of features of one sample: the product of ``shape``.
    public var featureCount: Int { shape.reduce(1, *) }

    /// The number of labels' values: one more than the largest, 0 for an empty table.
    public var classCount: Int { labels.max().map { Int($0) + 1 } ?? 0 }

    /// The features of one sample as the models see them.
    public func features(of sample: Int) -> [Float] {
        precondition(sample >= 0 && sample < count, "sample outside the table")
        let range = (sample * featureCount)..<((sample + 1) * featureCount)
        switch features {
        case .bytes(let values, let scale): return values[range].map { scale * Float($0) }
        case .floats(let values): return Array(values[range])
        }
    }

    /// The class of a sample; nil for one that nobody labelled.
    public func label(of sample: Int) -> Int? {
        isLabelled?[sample] == false ? nil : Int(labels[sample])
    }

    /// A table of the same samples with other labels.
    ///
    /// - Precondition: no new label is negative.
    public func relabelled(_ label: (Int32) -> Int32) -> SampleTable {
        SampleTable(
            features: features,
            shape: shape,
            labels: labels.map(label),
            clients: clients,
            isLabelled: isLabelled
        )
    }

    /// A table of the same samples, of which only some are labelled; those that were not stay so.
    ///
    /// - Precondition: one flag for each sample.
    public func labelled(_ keeps: [Bool]) -> SampleTable {
        precondition(keeps.count == count, "each sample is labelled or is not")
        let both = isLabelled.map { zip($0, keeps).map { $0 && $1 } } ?? keeps
        return SampleTable(
            features: features,
            shape: shape,
            labels: labels,
            clients: clients,
            isLabelled: both.allSatisfy { $0 } ? nil : both
        )
    }

    /// A table of only the given samples, in the given order, that does not hold on to this one.
    public func compacted<Indices: Collection>(_ indices: Indices) -> SampleTable where Indices.Element == UInt32 {
        let width = featureCount
        func pick<Value>(_ values: [Value]) -> [Value] {
            var picked: [Value] = []
            picked.reserveCapacity(indices.count * width)
            for index in indices {
                picked.append(contentsOf: values[(Int(index) * width)..<((Int(index) + 1) * width)])
            }
            return picked
        }
        let picked: Features =
            switch features {
            case .bytes(let values, let scale): .bytes(pick(values), scale: scale)
            case .floats(let values): .floats(pick(values))
            }
        return SampleTable(
            features: picked,
            shape: shape,
            labels: indices.map { labels[Int($0)] },
            clients: clients.map { all in indices.map { all[Int($0)] } },
            isLabelled: isLabelled.map { all in indices.map { all[Int($0)] } }
        )
    }
}
