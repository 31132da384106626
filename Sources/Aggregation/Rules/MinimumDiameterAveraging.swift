// SPDX-License-Identifier: Apache-2.0

/// The mean of the n - f updates whose largest mutual distance is least (MDA; El Mhamdi and others 2021).
///
/// The subset is found exactly, without trying all of them: updates farther apart than a diameter D exclude each other,
/// so D is reached when at most f updates can be removed such that no such pair is left (a vertex cover). Of several
/// best subsets the one first in lexicographic order is taken. Needs more than `2 * faulty` updates. Weights do not
/// count.
public struct MinimumDiameterAveraging: GramRule {
    /// `mda`.
    public var name: String { "mda" }
    /// The faulty updates that the rule bears: f.
    public let faulty: Int
    /// How the rule uses the machine.
    public var engine: AggregationEngine

    /// Creates the rule.
    public init(faulty: Int, engine: AggregationEngine = AggregationEngine()) {
        self.faulty = faulty
        self.engine = engine
    }

    /// More than `2 * faulty` updates.
    public func check(count: Int) throws {
        try FaultTolerance.check(rule: name, faulty: faulty, count: count)
    }

    /// Equal coefficients for the subset of least diameter.
    ///
    /// - Throws: ``AggregationError`` with code `tooManyUpdates` when the search would take too long.
    public func coefficients(_ gram: GramMatrix, weights: [Double]) throws -> [Double] {
        var search = ConflictSearch(gram, removable: faulty)
        return meanCoefficients(of: try search.leastDiameterSubset(), count: gram.count)
    }
}

/// Finds the subset of n - f vectors with the least diameter.
private struct ConflictSearch {
    /// Past so many steps the search is given up: some seconds.
    private static let maximumSteps = 20_000_000

    private let count: Int
    private let removable: Int
    private let distances: [Double]
    private var diameter = 0.0
    private var steps = 0

    init(_ gram: GramMatrix, removable: Int) {
        count = gram.count
        self.removable = removable
        distances = (0..<(count * count)).map { gram.squaredDistance($0 / gram.count, $0 % gram.count) }
    }

    mutating func leastDiameterSubset() throws -> [Int] {
        let all = [Bool](repeating: true, count: count)
        let candidates = Set(distances).sorted()
        var (low, high) = (0, candidates.count - 1)
        while low < high {
            let middle = (low + high) / 2
            diameter = candidates[middle]
            if try isFeasible(all, budget: removable) { high = middle } else { low = middle + 1 }
        }
        diameter = candidates[low]
        return try firstSubset()
    }

    /// Keeps each vector, in order, if the rest can still be completed.
    private mutating func firstSubset() throws -> [Int] {
        var (chosen, present, budget) = ([Int](), [Bool](repeating: true, count: count), removable)
        for index in 0..<count where present[index] && chosen.count < count - removable {
            let rivals = (0..<count).filter { present[$0] && conflict(index, $0) }
            var rest = present
            for rival in rivals { rest[rival] = false }
            rest[index] = false
            if rivals.count <= budget, try isFeasible(rest, budget: budget - rivals.count) {
                chosen.append(index)
                present = rest
                budget -= rivals.count
            } else {
                present[index] = false
                budget -= 1
            }
        }
        return chosen
    }

    private func conflict(_ left: Int, _ right: Int) -> Bool {
        left != right && distances[left * count + right] > diameter
    }

    /// Whether removing at most `budget` of the present vectors leaves no pair in conflict: branch on the vector with
    /// the most rivals, which is removed or else all its rivals are.
    private mutating func isFeasible(_ present: [Bool], budget: Int) throws -> Bool {
        steps += 1
        guard steps <= Self.maximumSteps else {
            throw AggregationError(
                .tooManyUpdates,
                "mda with f = \(removable) of \(count) updates: the exact search takes too long; use multi-krum or nnm"
            )
        }
        var (conflicts, most, worst) = (0, 0, -1)
        for index in 0..<count where present[index] {
            let rivals = (0..<count).reduce(0) { $0 + (present[$1] && conflict(index, $1) ? 1 : 0) }
            conflicts += rivals
            if rivals > most { (most, worst) = (rivals, index) }
        }
        guard worst >= 0 else { return true }
        guard budget > 0, conflicts / 2 <= budget * most else { return false }
        var without = present
        without[worst] = false
        if try isFeasible(without, budget: budget - 1) { return true }
        guard most > 1, most <= budget else { return false }
        var kept = present
        for index in 0..<count where present[index] && conflict(worst, index) { kept[index] = false }
        return try isFeasible(kept, budget: budget - most)
    }
}
