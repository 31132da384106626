// SPDX-License-Identifier: Apache-2.0

/// Some samples of a table: what one client trains on or evaluates.
///
/// It shares the table and the list of indices with all other clients of a simulation.
public struct Samples: Sendable {
    /// The table that holds the samples.
    public let table: SampleTable
    /// Positions in the table; nil for all samples.
    public let indices: ArraySlice<UInt32>?

    /// All samples of a table.
    public init(_ table: SampleTable) {
        self.table = table
        indices = nil
    }

    /// The samples at the given positions.
    ///
    /// - Precondition: all positions lie in the table.
    public init(_ table: SampleTable, indices: ArraySlice<UInt32>) {
        let count = table.count
        precondition(indices.allSatisfy { Int($0) < count }, "an index lies outside the table")
        self.table = table
        self.indices = indices
    }

    /// The number of samples.
    public var count: Int { indices?.count ?? table.count }

    /// The first samples, at most `count` of them.
    public func first(_ count: Int) -> Samples {
        guard let indices else {
            return Samples(table, indices: (0..<UInt32(min(count, table.count))).map { $0 }[...])
        }
        return Samples(table, indices: indices.prefix(count))
    }

    /// Evenly spaced samples, at most `limit` of them: of samples that are sorted by class, some of all classes.
    public func spaced(_ limit: Int) -> Samples {
        guard limit < count else { return self }
        return Samples(table, indices: (0..<limit).map { index(at: $0 * count / limit) }[...])
    }

    /// The samples at some offsets, in that order.
    ///
    /// - Precondition: all offsets are those of samples.
    public func picked(_ offsets: [Int]) -> Samples {
        Samples(table, indices: offsets.map { index(at: $0) }[...])
    }

    /// The class of the sample at `offset`; nil for one that nobody labelled.
    public func label(at offset: Int) -> Int? { table.label(of: Int(index(at: offset))) }

    /// The position in the table of the sample at `offset`.
    func index(at offset: Int) -> UInt32 {
        guard let indices else { return UInt32(truncatingIfNeeded: offset) }
        return indices[indices.startIndex + offset]
    }

    /// Checks that the samples fit a model.
    ///
    /// - Parameter allowsUnlabelled: whether samples may be without a label.
    /// - Throws: ``LearningError`` with code `shapeMismatch`, `labelOutOfRange` or `missingLabel`.
    func check(against model: ModelArchitecture, allowsUnlabelled: Bool = false) throws {
        guard table.featureCount == model.inputCount else {
            throw LearningError(
                .shapeMismatch,
                "samples of \(table.featureCount) values (\(table.shape)) do not fit a model with "
                    + "\(model.inputCount) inputs; set model.input to \(table.shape)"
            )
        }
        if !allowsUnlabelled { try checkLabels() }
        let classCount = Int32(clamping: model.classCount)
        for offset in 0..<count {
            let label = table.labels[Int(index(at: offset))]
            guard label < classCount else {
                throw LearningError(
                    .labelOutOfRange,
                    "label \(label) of sample \(index(at: offset)) is not a class of a model with \(classCount) classes"
                        + "; set model.classes to \(table.classCount) or more, or make the labels binary (binary=1)"
                )
            }
        }
        try model.checkFeatures(of: self)
    }

    private func checkLabels() throws {
        guard let isLabelled = table.isLabelled else { return }
        let missing = (0..<count).count { !isLabelled[Int(index(at: $0))] }
        guard missing == 0 else {
            throw LearningError(
                .missingLabel,
                "\(missing) of \(count) samples have no label; label them or leave them out, "
                    + "or use strategy: fedossl, which learns from such samples too"
            )
        }
    }
}
