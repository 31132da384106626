// SPDX-License-Identifier: Apache-2.0

/// Replaces each update by the mean of the n - f nearest to it, itself included (NNM; Allouah and others 2023).
public struct NearestNeighborMixing: PreAggregator {
    /// `nnm`.
    public var name: String { "nnm" }
    /// Distances decide.
    public var needsGram: Bool { true }
    /// Made vectors are means.
    public var averages: Bool { true }
    /// The faulty updates to bear: f.
    public let faulty: Int

    /// Creates the pre-aggregator.
    public init(faulty: Int) {
        self.faulty = faulty
    }

    /// The means of neighbours; of equally near updates the earlier are taken.
    public func mixing(count: Int, gram: GramMatrix?) throws -> Mixing {
        try FaultTolerance.check(rule: name, faulty: faulty, count: count)
        guard let gram else { preconditionFailure("nnm needs the Gram matrix that it asked for") }
        let groups = (0..<count).map { gram.nearest(to: $0, count: count - faulty) }
        return Mixing(groups: groups, columnCount: count)
    }
}
