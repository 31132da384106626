// SPDX-License-Identifier: Apache-2.0

public import ModelState

/// What a rule or a server optimizer remembers between rounds, as a value that can be journaled.
///
/// The empty state stands before the first round. Numbers and flags are small and fit a journal; `vectors` are as long
/// as the model (moments, the last aggregate) and are better kept beside the model in its checkpoint:
///
///     var small = state
///     small.vectors = [:]         // to the journal; state.vectors to the checkpoint
public struct AggregationState: Equatable, Sendable, Codable {
    /// Single numbers, by name.
    public var numbers: [String: Double] = [:]
    /// One flag for each tensor, by name.
    public var flags: [String: [Bool]] = [:]
    /// Vectors with the model's layout, by name.
    public var vectors: [String: ParameterVector] = [:]

    /// Creates the state that stands before the first round.
    public init() {}

    /// Whether nothing is remembered.
    public var isEmpty: Bool { numbers.isEmpty && flags.isEmpty && vectors.isEmpty }

    /// Takes the vector `name` out of the state, or makes one filled with `value` where there is none yet.
    ///
    /// Taking it out keeps it uniquely referenced, so that writing does not copy it.
    mutating func takeVector(
        _ name: String,
        layout: TensorLayout,
        filledWith value: Float = 0
    ) throws -> ParameterVector {
        if let vector = vectors.removeValue(forKey: name) {
            guard vector.count == layout.elementCount else {
                throw AggregationError(
                    .invalidState,
                    "the state's vector '\(name)' has \(vector.count) elements, the model \(layout.elementCount)"
                )
            }
            return vector
        }
        var vector = ParameterVector(zeros: layout.elementCount)
        if value != 0 {
            vector.withMutableElements { $0.update(repeating: value) }
        }
        return vector
    }

    private enum CodingKeys: String, CodingKey {
        case numbers
        case flags
        case vectors
    }

    /// Decodes a state; parts that are missing are empty.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        numbers = try container.decodeIfPresent([String: Double].self, forKey: .numbers) ?? [:]
        flags = try container.decodeIfPresent([String: [Bool]].self, forKey: .flags) ?? [:]
        let elements = try container.decodeIfPresent([String: [Float]].self, forKey: .vectors) ?? [:]
        vectors = elements.mapValues { ParameterVector($0) }
    }

    /// Encodes all parts, vectors as lists of their elements.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(numbers, forKey: .numbers)
        try container.encode(flags, forKey: .flags)
        try container.encode(vectors.mapValues(\.elements), forKey: .vectors)
    }

}
