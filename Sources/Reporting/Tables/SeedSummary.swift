// SPDX-License-Identifier: Apache-2.0

/// What runs that differ in their seed alone have in common: the mean of a figure and its spread.
public struct SeedSummary: Sendable, Hashable {
    /// The number of runs, 1 or more.
    public let count: Int
    /// The mean.
    public let mean: Double
    /// The sample standard deviation, `sqrt(sum (x - mean)^2 / (n - 1))`; nil for one run, of which nothing is known.
    public let deviation: Double?
    /// The smallest value.
    public let minimum: Double
    /// The largest value.
    public let maximum: Double

    /// Sums up values; nil for none.
    public init?(_ values: [Double]) {
        guard let least = values.min(), let most = values.max() else { return nil }
        count = values.count
        minimum = least
        maximum = most
        let mean = values.reduce(0, +) / Double(values.count)
        self.mean = mean
        deviation =
            values.count < 2
            ? nil
            : (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
    }

    /// `0.8912 ± 0.0031`, or `0.8912` for one run.
    public func text(decimals: Int) -> String {
        let mean = NumberText.decimals(mean, decimals)
        return deviation.map { "\(mean) ± \(NumberText.decimals($0, decimals))" } ?? mean
    }
}
