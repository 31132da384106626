// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Divides a budget of bits over tensors so that the summed error is least.
///
/// A component of n coordinates with error weight c (importance times variance) costs n c D(R) at R bits a coordinate.
/// Dithered entropy coding with one step needs none of this for plain squared error; fixed-rate codecs do.
public enum BitAllocation {
    /// One tensor, or one part of a tensor.
    public struct Component: Sendable, Equatable {
        /// Coordinates.
        public var count: Int
        /// Importance (mean Hessian or Fisher diagonal; 1 for plain squared error) times the variance of a coordinate.
        public var weight: Double

        /// Creates a component.
        public init(count: Int, weight: Double) {
            self.count = count
            self.weight = weight
        }
    }

    /// Real-valued rates with equal slopes, none below zero (reverse water-filling).
    ///
    ///     R_l = max(0, 1/2 log2(c_l / theta)),   sum n_l R_l = budget
    ///
    /// - Returns: bits a coordinate for each component.
    public static func equalSlopes(_ components: [Component], budgetBits: Double) -> [Double] {
        var active = components.indices.filter { components[$0].count > 0 && components[$0].weight > 0 }
        active.sort { components[$0].weight > components[$1].weight }
        var rates = [Double](repeating: 0, count: components.count)
        // Drop the least component as long as its rate would be negative.
        while !active.isEmpty {
            let count = active.reduce(0.0) { $0 + Double(components[$1].count) }
            let mean = active.reduce(0.0) { $0 + Double(components[$1].count) * log2(components[$1].weight) } / count
            let level = mean - 2 * budgetBits / count
            if let last = active.last, log2(components[last].weight) < level {
                active.removeLast()
                continue
            }
            for index in active { rates[index] = (log2(components[index].weight) - level) / 2 }
            break
        }
        return rates
    }

    /// Whole bits by greatest gain a bit, which is optimal up to the last step because D is convex.
    ///
    /// - Parameters:
    ///   - components: what is to be coded.
    ///   - distortion: D(0), D(1), ... relative to the variance, falling and convex; its length bounds the rates.
    ///   - budgetBits: bits for all coordinates together; never exceeded.
    /// - Returns: bits a coordinate for each component.
    public static func greedy(_ components: [Component], distortion: [Double], budgetBits: Int) -> [Int] {
        var rates = [Int](repeating: 0, count: components.count)
        var remaining = budgetBits
        let gain = { (index: Int) -> Double in
            components[index].weight * (distortion[rates[index]] - distortion[rates[index] + 1])
        }
        while true {
            let candidates = components.indices.filter { index in
                components[index].count > 0 && components[index].count <= remaining
                    && rates[index] + 1 < distortion.count
                    && components[index].weight > 0
            }
            guard let best = candidates.max(by: { gain($0) < gain($1) }) else { return rates }
            rates[best] += 1
            remaining -= components[best].count
        }
    }

    /// Picks one option for each component so that the costs fit and the summed error is least: the exact joint choice,
    /// by dynamic programming over a budget cut in `resolution` units (after Xu et al., ICCV 2023, for pruning).
    ///
    ///     best[l][s] = min over options o of  error(l, o) + best[l - 1][s - cost(l, o)]
    ///
    /// Costs are rounded up to whole units, so the budget holds.
    ///
    /// - Parameters:
    ///   - options: for each component its options, as cost and error; costs are not negative.
    ///   - budget: what the costs may sum to.
    ///   - resolution: units that the budget is cut in; time grows with it.
    /// - Returns: an option's index for each component; nil where no choice fits.
    public static func leastError(
        options: [[(cost: Double, error: Double)]],
        budget: Double,
        resolution: Int = 2000
    ) -> [Int]? {
        precondition(budget >= 0 && resolution > 0, "a budget is not negative and is cut in at least one unit")
        let unit = budget > 0 ? budget / Double(resolution) : 1
        var best = [Double](repeating: 0, count: resolution + 1)
        var choices: [[Int]] = []
        for component in options {
            var next = [Double](repeating: .infinity, count: resolution + 1)
            var choice = [Int](repeating: -1, count: resolution + 1)
            for (index, option) in component.enumerated() {
                let units = (option.cost / unit - 1e-9).rounded(.up)
                guard units <= Double(resolution) else { continue }
                let cost = max(Int(units), 0)
                for spent in cost...resolution where best[spent - cost] + option.error < next[spent] {
                    next[spent] = best[spent - cost] + option.error
                    choice[spent] = index
                }
            }
            best = next
            choices.append(choice)
        }
        guard best[resolution].isFinite else { return nil }
        var picked = [Int](repeating: 0, count: options.count)
        var spent = resolution
        for component in options.indices.reversed() {
            picked[component] = choices[component][spent]
            let units = (options[component][picked[component]].cost / unit - 1e-9).rounded(.up)
            spent -= max(Int(units), 0)
        }
        return picked
    }
}
