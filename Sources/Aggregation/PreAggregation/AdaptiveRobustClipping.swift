// SPDX-License-Identifier: Apache-2.0

/// Shortens the `k = floor(2 f (n - f) / n)` longest updates to the norm of the next one (ARC; Allouah and others
/// 2025).
public struct AdaptiveRobustClipping: PreAggregator {
    /// `arc`.
    public var name: String { "arc" }
    /// Norms decide.
    public var needsGram: Bool { true }
    /// Vector i stays the vector of update i.
    public var averages: Bool { false }
    /// The faulty updates to bear: f.
    public let faulty: Int

    /// Creates the pre-aggregator.
    public init(faulty: Int) {
        self.faulty = faulty
    }

    /// A factor for each update.
    public func mixing(count: Int, gram: GramMatrix?) throws -> Mixing {
        try FaultTolerance.check(rule: name, faulty: faulty, count: count)
        guard let gram else { preconditionFailure("arc needs the Gram matrix that it asked for") }
        let clipped = 2 * faulty * (count - faulty) / count
        let norms = (0..<count).map { gram.squaredNorm($0).squareRoot() }.sorted(by: >)
        return Mixing(scales: NormClipping.scales(gram, bound: norms[clipped]))
    }
}
