// SPDX-License-Identifier: Apache-2.0

extension HCalibration {
    /// An event "sample `row` is of a class".
    struct Event {
        var probability: Double
        var row: Int
        var hasHappened: Bool
    }

    /// The error of logits at a temperature; all logits are finite and all labels are classes.
    func error(_ logits: [Float], _ classCount: Int, _ labels: [Int32], temperature: Double) -> Double {
        var events: [Event] = []
        events.reserveCapacity(logits.count)
        LogitRows.with(logits, classCount: classCount) { rows in
            withUnsafeTemporaryAllocation(of: Double.self, capacity: classCount) { scratch in
                let probabilities = scratch.baseAddress!  // there is at least one class, so there is memory
                for row in labels.indices {
                    _ = UncertaintyScorer.probabilities(rows, row, 0, temperature, into: probabilities)
                    for index in 0..<classCount {
                        let happened = Int(labels[row]) == index
                        events.append(Event(probability: probabilities[index], row: row, hasHappened: happened))
                    }
                }
            }
        }
        events.sort { $0.probability != $1.probability ? $0.probability < $1.probability : $0.row < $1.row }
        var sum = 0.0
        var parts = 0
        for left in 0..<classCount {
            let others = events.filter { Int(labels[$0.row]) != left }
            guard !others.isEmpty else { continue }
            sum += clusteredError(others)
            parts += 1
        }
        // With a single class among the labels there is nothing left to leave out.
        return parts > 0 ? sum / Double(parts) : clusteredError(events)
    }

    /// The mean over the clusters of the mean local error of sorted events.
    func clusteredError(_ events: [Event]) -> Double {
        guard !events.isEmpty else { return 0 }
        let local = localErrors(events)
        let probabilities = events.map(\.probability)
        let bounds = Self.clusterBounds(probabilities, clusters)
        var total = 0.0
        var count = 0
        for (start, end) in zip(bounds, bounds.dropFirst()) where end > start {
            total += local[start..<end].reduce(0, +) / Double(end - start)
            count += 1
        }
        return total / Double(count)
    }

    /// `max(|mean p - mean o| - tolerance, 0)` over each event's window; beyond the ends there are zeros.
    private func localErrors(_ events: [Event]) -> [Double] {
        var sums = [0.0]
        sums.reserveCapacity(events.count + 1)
        for event in events {
            sums.append(sums[sums.count - 1] + event.probability - (event.hasHappened ? 1 : 0))
        }
        let reach = window / 2
        return events.indices.map { position in
            let inside = sums[min(position + reach + 1, events.count)] - sums[max(position - reach, 0)]
            return max(abs(inside) / Double(window + 1) - tolerance, 0)
        }
    }

    /// Clusters sorted values by Lloyd's k-means from quantiles; the first position of each cluster, then the end.
    static func clusterBounds(_ values: [Double], _ clusters: Int) -> [Int] {
        let count = min(clusters, values.count)
        var sums = [0.0]
        for value in values { sums.append(sums[sums.count - 1] + value) }
        var bounds = (0...count).map { $0 * values.count / count }
        for _ in 0..<50 {
            let centers = zip(bounds, bounds.dropFirst()).compactMap { start, end in
                end > start ? (sums[end] - sums[start]) / Double(end - start) : nil
            }
            let middles = zip(centers, centers.dropFirst()).map { ($0 + $1) / 2 }
            let next = [0] + middles.map { middle in values.partitionIndex { $0 > middle } } + [values.count]
            if next == bounds { break }
            bounds = next
        }
        return bounds
    }
}
