// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import UpdateCoding

/// Some neighbouring tensors of every update of a set.
public struct UpdateSection: UpdateSet {
    /// The section's tensors.
    public let layout: TensorLayout
    private let base: any UpdateSet
    private let offset: Int

    /// Creates a view.
    ///
    /// - Precondition: the tensors are the layout's.
    /// - Throws: `ModelStateError` when they make no layout of their own.
    public init(of base: any UpdateSet, tensors: Range<Int>) throws {
        self.base = base
        layout = try TensorLayout(Array(base.layout.tensors[tensors]))
        offset = tensors.isEmpty ? 0 : base.layout.range(of: tensors.lowerBound).lowerBound
    }

    /// The number of updates.
    public var count: Int { base.count }

    /// The update's weight.
    public func weight(at index: Int) -> Double { base.weight(at: index) }

    /// The update's description.
    public func metadata(at index: Int) -> UpdateMetadata { base.metadata(at: index) }

    /// Begins reading the section of an update; what stands before it is decoded and dropped.
    public func makeDecoder(at index: Int) throws -> any UpdateDecoder {
        try SectionDecoder(base.makeDecoder(at: index), skipping: offset)
    }

    private final class SectionDecoder: UpdateDecoder {
        private let base: any UpdateDecoder

        init(_ base: any UpdateDecoder, skipping count: Int) throws(UpdateCodingError) {
            self.base = base
            guard count > 0 else { return }
            let scratch = AlignedBuffer<Float>(count: min(count, 1 << 14))
            var remaining = count
            while remaining > 0 {
                let step = min(remaining, 1 << 14)
                try base.decode(into: scratch.slice(0, step))
                remaining -= step
            }
        }

        func decode(into block: UnsafeMutableBufferPointer<Float>) throws(UpdateCodingError) {
            try base.decode(into: block)
        }

        /// What follows the section is another section's.
        func finish() throws(UpdateCodingError) {}
    }
}
