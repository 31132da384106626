// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import UpdateCoding

/// Updates that lie in memory as plain vectors.
public struct MemoryUpdateSet: RandomAccessUpdateSet {
    /// The tensors of every update.
    public let layout: TensorLayout
    /// The updates in their order.
    public let updates: [ParameterVector]
    private let weights: [Double]
    private let details: [UpdateMetadata]

    /// Creates a set.
    ///
    /// - Parameters:
    ///   - layout: the tensors of every update.
    ///   - updates: at least one.
    ///   - weights: one positive number for each update; all 1 when left out.
    ///   - metadata: one for each update; empty when left out.
    /// - Throws: ``AggregationError``: `noUpdates`; `shapeMismatch` for an update that does not have the layout's
    ///   number of elements, or lists of different lengths; `invalidWeight`.
    public init(
        layout: TensorLayout,
        updates: [ParameterVector],
        weights: [Double]? = nil,
        metadata: [UpdateMetadata]? = nil
    ) throws {
        guard !updates.isEmpty else {
            throw AggregationError(.noUpdates, "a set of updates needs at least one")
        }
        if let index = updates.firstIndex(where: { $0.count != layout.elementCount }) {
            throw AggregationError(
                .shapeMismatch,
                "update \(index) has \(updates[index].count) elements, the model \(layout.elementCount)"
            )
        }
        let weights = weights ?? [Double](repeating: 1, count: updates.count)
        let details = metadata ?? [UpdateMetadata](repeating: UpdateMetadata(), count: updates.count)
        guard weights.count == updates.count, details.count == updates.count else {
            throw AggregationError(
                .shapeMismatch,
                "\(updates.count) updates with \(weights.count) weights and \(details.count) descriptions: one for each"
            )
        }
        if let index = weights.firstIndex(where: { !($0 > 0 && $0.isFinite) }) {
            throw AggregationError(
                .invalidWeight,
                "update \(index) has the weight \(weights[index]); it must be positive and finite"
            )
        }
        self.layout = layout
        self.updates = updates
        self.weights = weights
        self.details = details
    }

    /// The number of updates.
    public var count: Int { updates.count }

    /// The weight given for the update.
    public func weight(at index: Int) -> Double { weights[index] }

    /// The description given for the update.
    public func metadata(at index: Int) -> UpdateMetadata { details[index] }

    /// Begins reading the update's elements.
    public func makeDecoder(at index: Int) throws -> any UpdateDecoder {
        VectorDecoder(updates[index])
    }

    /// The elements themselves, not copied.
    public func coordinates(
        _ range: Range<Int>,
        at index: Int,
        scratch: UnsafeMutableBufferPointer<Float>
    ) throws -> UnsafeBufferPointer<Float> {
        // The vector's storage lives as long as this set, which holds it and never writes it.
        updates[index].withElements { UnsafeBufferPointer(rebasing: $0[range]) }
    }

    private final class VectorDecoder: UpdateDecoder {
        private let vector: ParameterVector
        private var position = 0

        init(_ vector: ParameterVector) {
            self.vector = vector
        }

        func decode(into block: UnsafeMutableBufferPointer<Float>) throws(UpdateCodingError) {
            guard block.count <= vector.count - position else {
                throw UpdateCodingError(.truncated, "more coordinates were asked for than the update has")
            }
            vector.withElements { elements in
                _ = block.update(fromContentsOf: elements[position..<(position + block.count)])
            }
            position += block.count
        }

        func finish() throws(UpdateCodingError) {
            guard position == vector.count else {
                throw UpdateCodingError(.trailingBytes, "\(vector.count - position) coordinates follow")
            }
        }
    }
}
