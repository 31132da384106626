// SPDX-License-Identifier: Apache-2.0

/// The mean of the updates nearest to one that is trusted (NNA; Farhadkhani and others 2023, MoNNA).
///
/// The trusted update itself, at distance 0, always counts. Three definitions differ in how many are averaged:
/// ``monna(faulty:pivot:engine:)`` n - f of n (ByzFL); the paper n - 2f of the n - f received; or any explicit number.
/// Weights do not count.
public struct NearestNeighborAveraging: GramRule {
    private enum Keep: Hashable {
        case explicit(Int)
        case allButFaulty(Int)
    }

    /// `nna`, or `monna` with ByzFL's number.
    public let name: String
    /// The position of the trusted update.
    public let pivot: Int
    private let keep: Keep
    /// How the rule uses the machine.
    public var engine: AggregationEngine

    /// Creates the rule with an explicit number of updates to average.
    public init(keep: Int, pivot: Int, engine: AggregationEngine = AggregationEngine()) {
        self.init(name: "nna", keep: .explicit(keep), pivot: pivot, engine: engine)
    }

    /// Creates ByzFL's MoNNA: the mean of the n - f updates nearest to the one at `pivot`.
    public static func monna(
        faulty: Int,
        pivot: Int = 0,
        engine: AggregationEngine = AggregationEngine()
    ) -> NearestNeighborAveraging {
        NearestNeighborAveraging(name: "monna", keep: .allButFaulty(faulty), pivot: pivot, engine: engine)
    }

    private init(name: String, keep: Keep, pivot: Int, engine: AggregationEngine) {
        self.name = name
        self.keep = keep
        self.pivot = pivot
        self.engine = engine
    }

    /// The trusted update exists, and there are as many updates as are averaged.
    public func check(count: Int) throws {
        try FaultTolerance.require(
            pivot >= 0 && pivot < count,
            rule: name,
            "there is no update \(pivot) to trust among \(count)"
        )
        switch keep {
        case .explicit(let keep):
            try FaultTolerance.require(
                keep >= 1 && keep <= count,
                rule: name,
                "keep must lie between 1 and the \(count) updates, not \(keep)"
            )
        case .allButFaulty(let faulty):
            try FaultTolerance.check(rule: name, faulty: faulty, count: count)
        }
    }

    /// Equal coefficients for the nearest updates.
    public func coefficients(_ gram: GramMatrix, weights: [Double]) throws -> [Double] {
        let number =
            switch keep {
            case .explicit(let keep): keep
            case .allButFaulty(let faulty): gram.count - faulty
            }
        return meanCoefficients(of: gram.nearest(to: pivot, count: number), count: gram.count)
    }
}
