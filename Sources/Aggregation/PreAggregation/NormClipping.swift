// SPDX-License-Identifier: Apache-2.0

/// Shortens updates to a fixed norm: `x_i * min(1, c / |x_i|)`.
public struct NormClipping: PreAggregator {
    /// `clipping`.
    public var name: String { "clipping" }
    /// Norms decide.
    public var needsGram: Bool { true }
    /// Vector i stays the vector of update i.
    public var averages: Bool { false }
    /// The longest norm: c, positive.
    public let bound: Double

    /// Creates the pre-aggregator.
    public init(bound: Double = 2) {
        self.bound = bound
    }

    /// A factor for each update.
    public func mixing(count: Int, gram: GramMatrix?) throws -> Mixing {
        try FaultTolerance.require(
            bound > 0 && bound.isFinite,
            rule: name,
            "c must be positive and finite, not \(bound)"
        )
        guard let gram else { preconditionFailure("clipping needs the Gram matrix that it asked for") }
        return Mixing(scales: Self.scales(gram, bound: bound))
    }

    static func scales(_ gram: GramMatrix, bound: Double) -> [Double] {
        (0..<gram.count).map { index in
            let norm = gram.squaredNorm(index).squareRoot()
            return norm > bound ? bound / norm : 1
        }
    }
}
