// SPDX-License-Identifier: Apache-2.0

/// How evenly a model serves its clients: the spread of their own accuracies, each client counting once.
public struct ClientSpread: Sendable, Hashable, Codable {
    /// The clients with held-out samples, 1 or more.
    public var clientCount: UInt64
    /// The mean of the clients' accuracies.
    public var meanAccuracy: Double
    /// The mean over the worst tenth of the clients, at least one.
    public var worstTenthAccuracy: Double
    /// The standard deviation of the clients' accuracies (of the population).
    public var deviation: Double
    /// Jain's index of fairness, `(sum a)^2 / (n sum a^2)`: 1 where all clients fare alike, 1/n where one has it all
    /// (Jain, Chiu, Hawe 1984). 1 where every accuracy is 0.
    public var fairness: Double

    /// Creates a description.
    public init(
        clientCount: UInt64,
        meanAccuracy: Double,
        worstTenthAccuracy: Double,
        deviation: Double,
        fairness: Double
    ) {
        self.clientCount = clientCount
        self.meanAccuracy = meanAccuracy
        self.worstTenthAccuracy = worstTenthAccuracy
        self.deviation = deviation
        self.fairness = fairness
    }

    /// Describes accuracies; nil for none.
    public init?(accuracies: [Double]) {
        guard !accuracies.isEmpty else { return nil }
        let count = Double(accuracies.count)
        let sorted = accuracies.sorted()
        let sum = sorted.reduce(0, +)
        let squares = sorted.reduce(0) { $0 + $1 * $1 }
        let mean = sum / count
        let worst = sorted.prefix(max(accuracies.count / 10, 1))
        self.init(
            clientCount: UInt64(accuracies.count),
            meanAccuracy: mean,
            worstTenthAccuracy: worst.reduce(0, +) / Double(worst.count),
            deviation: (sorted.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot(),
            fairness: squares > 0 ? sum * sum / (count * squares) : 1
        )
    }
}
