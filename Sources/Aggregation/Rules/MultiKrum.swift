// SPDX-License-Identifier: Apache-2.0

/// The mean of the updates with the least Krum scores (Multi-Krum; Blanchard and others 2017).
///
/// ByzFL's definition averages `n - faulty` updates. Needs more than `2 * faulty` updates. Weights do not count.
public struct MultiKrum: GramRule {
    /// `multi-krum`.
    public var name: String { "multi-krum" }
    /// The faulty updates that the rule bears: f.
    public let faulty: Int
    /// The number of updates averaged; n - f when left out.
    public let keep: Int?
    /// The definition of the score.
    public let score: KrumScore
    /// How the rule uses the machine.
    public var engine: AggregationEngine

    /// Creates the rule.
    public init(
        faulty: Int,
        keep: Int? = nil,
        score: KrumScore = .byzfl,
        engine: AggregationEngine = AggregationEngine()
    ) {
        self.faulty = faulty
        self.keep = keep
        self.score = score
        self.engine = engine
    }

    static func check(rule: String, faulty: Int, score: KrumScore, count: Int) throws {
        try FaultTolerance.check(rule: rule, faulty: faulty, count: count)
        guard count >= score.minimumCount(faulty: faulty) else {
            throw AggregationError(
                .notEnoughUpdates,
                "\(rule) with the paper's score and f = \(faulty) needs \(score.minimumCount(faulty: faulty)) updates, "
                    + "has \(count)"
            )
        }
    }

    /// More than `2 * faulty` updates, at least one neighbour, and as many as are averaged.
    public func check(count: Int) throws {
        try Self.check(rule: name, faulty: faulty, score: score, count: count)
        if let keep {
            try FaultTolerance.require(
                keep >= 1 && keep <= count,
                rule: name,
                "m must lie between 1 and the \(count) updates, not \(keep)"
            )
        }
    }

    /// Equal coefficients for the updates with the least scores.
    public func coefficients(_ gram: GramMatrix, weights: [Double]) throws -> [Double] {
        let scores = score.scores(gram, faulty: faulty)
        let order = scores.indices.sorted { (scores[$0], $0) < (scores[$1], $1) }
        return meanCoefficients(of: Array(order.prefix(keep ?? gram.count - faulty)), count: gram.count)
    }
}
