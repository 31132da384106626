// SPDX-License-Identifier: Apache-2.0

/// The update whose nearest neighbours are nearest (Krum; Blanchard and others 2017); of equal scores the first update.
///
/// Needs more than `2 * faulty` updates. Weights do not count.
public struct Krum: GramRule {
    /// `krum`.
    public var name: String { "krum" }
    /// The faulty updates that the rule bears: f.
    public let faulty: Int
    /// The definition of the score.
    public let score: KrumScore
    /// How the rule uses the machine.
    public var engine: AggregationEngine

    /// Creates the rule.
    public init(faulty: Int, score: KrumScore = .byzfl, engine: AggregationEngine = AggregationEngine()) {
        self.faulty = faulty
        self.score = score
        self.engine = engine
    }

    /// More than `2 * faulty` updates, and at least one neighbour.
    public func check(count: Int) throws {
        try MultiKrum.check(rule: name, faulty: faulty, score: score, count: count)
    }

    /// 1 for the update with the least score.
    public func coefficients(_ gram: GramMatrix, weights: [Double]) throws -> [Double] {
        let scores = score.scores(gram, faulty: faulty)
        let best = scores.indices.min { (scores[$0], $0) < (scores[$1], $1) } ?? 0
        return meanCoefficients(of: [best], count: gram.count)
    }
}
