// SPDX-License-Identifier: Apache-2.0

package import Aggregation
public import Learning
package import Randomness
public import Rounds
package import UpdateCoding

/// What a coordinator needs to run a specification: the model's architecture, the rule, the codecs.
public struct JobRecipe: Sendable {
    /// The model.
    public let architecture: ModelArchitecture
    /// Makes the next model out of the updates.
    package let fold: ModelFold
    /// The codec of updates.
    package let uplink: any UpdateCodec
    /// The codec of models.
    package let downlink: any UpdateCodec

    /// Finds everything by name.
    ///
    /// - Throws: an error whose message says which name is unknown, and the known ones.
    public init(_ specification: JobSpecification) throws {
        architecture = try ModelArchitecture(specification.model)
        for (key, value) in specification.strategy.settings where key == "f" || key.hasSuffix(".f") {
            guard value >= 0, value <= 1e6, value == value.rounded() else {
                throw SpecificationError(
                    .invalidValue,
                    "'strategy.settings.\(key)' is a number of clients, 0 or more, not \(value)"
                )
            }
        }
        let rule = try AggregationRegistry.rule(
            named: specification.strategy.rule,
            settings: specification.strategy.settings
        )
        fold = ModelFold(rule: rule, serverLearningRate: specification.strategy.serverLearningRate)
        uplink = try Self.codec(specification.codec.uplink, "uplink")
        downlink = try Self.codec(specification.codec.downlink, "downlink")
    }

    /// A codec that needs no memory between rounds: agents keep none for codecs.
    private static func codec(_ text: String, _ direction: String) throws -> any UpdateCodec {
        guard !text.contains("+") else {
            throw SpecificationError(
                .invalidValue,
                "'codec.\(direction)': jobs take codecs without memory; leave out what follows '+' in '\(text)'"
            )
        }
        return try CodecRegistry.codec(text)
    }

    /// The sizes that a coded update can have.
    package var updateBytes: ClosedRange<Int> {
        if let exact = uplink.encodedByteCount(layout: architecture.layout) { return exact...exact }
        return 0...uplink.maximumEncodedByteCount(layout: architecture.layout)
    }

    /// The seed of a job's initial model.
    package static func initialSeed(_ specification: JobSpecification) -> Seed {
        Seed(specification.seed).deriving("initial")
    }
}
