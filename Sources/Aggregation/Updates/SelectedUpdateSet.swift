// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import UpdateCoding

/// Some updates of another set, in its order.
public struct SelectedUpdateSet: UpdateSet {
    private let base: any UpdateSet
    /// The positions in the other set.
    public let indices: [Int]

    /// Creates a view.
    ///
    /// - Precondition: the indices are positions in `base`, in ascending order.
    public init(_ base: any UpdateSet, indices: [Int]) {
        precondition(
            zip(indices, indices.dropFirst()).allSatisfy { $0 < $1 } && (indices.first ?? 0) >= 0
                && (indices.last ?? 0) < base.count,
            "selected updates must be ascending positions in the set"
        )
        self.base = base
        self.indices = indices
    }

    /// A view that keeps random access where the other set has it.
    static func selecting(_ indices: [Int], of base: any UpdateSet) -> any UpdateSet {
        if let base = base as? any RandomAccessUpdateSet {
            return RandomAccessSelection(base: base, view: SelectedUpdateSet(base, indices: indices))
        }
        return SelectedUpdateSet(base, indices: indices)
    }

    /// The tensors of every update.
    public var layout: TensorLayout { base.layout }
    /// The number of selected updates.
    public var count: Int { indices.count }

    /// The weight that the other set has for the update.
    public func weight(at index: Int) -> Double { base.weight(at: indices[index]) }

    /// The description that the other set has of the update.
    public func metadata(at index: Int) -> UpdateMetadata { base.metadata(at: indices[index]) }

    /// Begins reading the update.
    public func makeDecoder(at index: Int) throws -> any UpdateDecoder { try base.makeDecoder(at: indices[index]) }

    private struct RandomAccessSelection: RandomAccessUpdateSet {
        let base: any RandomAccessUpdateSet
        let view: SelectedUpdateSet

        var layout: TensorLayout { base.layout }
        var count: Int { view.count }

        func weight(at index: Int) -> Double { view.weight(at: index) }
        func metadata(at index: Int) -> UpdateMetadata { view.metadata(at: index) }
        func makeDecoder(at index: Int) throws -> any UpdateDecoder { try view.makeDecoder(at: index) }

        func coordinates(
            _ range: Range<Int>,
            at index: Int,
            scratch: UnsafeMutableBufferPointer<Float>
        ) throws -> UnsafeBufferPointer<Float> {
            try base.coordinates(range, at: view.indices[index], scratch: scratch)
        }
    }
}
