// SPDX-License-Identifier: Apache-2.0

/// How long a sweep still takes, by what its cells took so far.
///
/// A cell is expected to take what the finished cells of its group took on average, or, before there is one, what all
/// finished cells did. Nothing is said before the first cell finished.
public struct SweepEstimate: Sendable {
    private var seconds: [String: (sum: Double, count: Int)] = [:]

    /// Creates an estimate that knows nothing yet.
    public init() {}

    /// Learns what a cell took, in wall seconds of this machine.
    public mutating func finished(group: String, seconds taken: Double) {
        let known = seconds[group] ?? (0, 0)
        seconds[group] = (known.sum + taken, known.count + 1)
    }

    /// The wall seconds until all cells are finished; nil while nothing is known.
    ///
    /// - Parameters:
    ///   - pending: the groups of the cells that have not begun.
    ///   - running: the groups of those that run, and for how many seconds they do.
    ///   - jobs: the cells that run at the same time, 1 or more.
    public func remaining(pending: [String], running: [(group: String, elapsed: Double)], jobs: Int) -> Double? {
        guard !seconds.isEmpty else { return nil }
        let sums = seconds.values.reduce((sum: 0.0, count: 0)) { ($0.sum + $1.sum, $0.count + $1.count) }
        let mean = sums.sum / Double(sums.count)
        func expected(_ group: String) -> Double { seconds[group].map { $0.sum / Double($0.count) } ?? mean }
        let left = running.map { max(expected($0.group) - $0.elapsed, 0) }
        let work = left.reduce(0, +) + pending.reduce(0) { $0 + expected($1) }
        // No cell is split: it takes at least as long as the longest of those that are left.
        let longest = max(left.max() ?? 0, pending.map(expected).max() ?? 0)
        return max(work / Double(jobs), longest)
    }
}
