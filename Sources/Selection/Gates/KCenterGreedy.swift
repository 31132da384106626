// SPDX-License-Identifier: Apache-2.0

/// Chooses samples that cover all others: again and again the one farthest from those already chosen (Gonzalez 1985;
/// core-set selection, Sener, Savarese 2018).
///
/// The largest distance from a sample to its nearest chosen one is at most twice the smallest possible. Time is
/// O(n k d); distances are Euclidean. Rows with a value that is not finite are never chosen and need no cover.
public struct KCenterGreedy: Sendable, Hashable {
    /// The chosen samples.
    public struct Cover: Sendable, Hashable {
        /// The positions of the chosen rows, the first chosen first.
        public let chosen: [Int]
        /// The largest distance from a row to its nearest chosen or given one; 0 where no row has features.
        public let radius: Double
    }

    /// Creates the method.
    public init() {}

    /// Chooses up to `count` rows; fewer where there are fewer, or fewer different ones.
    ///
    /// - Parameters:
    ///   - features: one row for each sample.
    ///   - given: rows that count as chosen already.
    ///   - first: the row to begin with where none is given; default and where it cannot be chosen: the first possible.
    /// - Precondition: `given` and `first` are rows.
    public func select(_ count: Int, features: FeatureRows, given: [Int] = [], first: Int? = nil) -> Cover {
        let rows = features.rowCount
        precondition((given + [first ?? 0]).allSatisfy { $0 >= 0 && ($0 < rows || rows == 0) }, "rows are in range")
        /// The squared distance to the nearest chosen row; negative for rows that cannot be chosen.
        var nearest = (0..<rows).map { features.squaredNorm($0).isFinite ? Double.infinity : -1 }
        for center in given where nearest[center] >= 0 { Self.cover(&nearest, from: center, features) }
        var chosen: [Int] = []
        while chosen.count < count {
            var next: Int?
            if chosen.isEmpty, given.isEmpty, let first, nearest[first] >= 0 {
                next = first
            } else {
                for row in 0..<rows where nearest[row] > next.map({ nearest[$0] }) ?? 0 { next = row }
            }
            guard let next else { break }
            chosen.append(next)
            Self.cover(&nearest, from: next, features)
        }
        let radius = max(nearest.max() ?? 0, 0)
        return Cover(chosen: chosen, radius: radius.squareRoot())
    }

    /// Chooses `count` rows out of the `shortlist` times as many with the highest scores: unsure, and different from
    /// each other.
    ///
    /// - Returns: positions, the one of the highest score first.
    /// - Throws: ``SelectionError`` with code `shapeMismatch` for lists of different sizes.
    public func select(_ count: Int, scores: [Double], features: FeatureRows, shortlist: Int = 4) throws -> [Int] {
        guard scores.count == features.rowCount else {
            throw SelectionError(.shapeMismatch, "there are \(scores.count) scores of \(features.rowCount) rows")
        }
        let known = scores.indices.filter { scores[$0].isFinite }
        let order = known.sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
        let (room, overflows) = max(count, 0).multipliedReportingOverflow(by: max(shortlist, 1))
        let listed = Array(order.prefix(overflows ? Int.max : room))
        let width = features.featureCount
        var copy: [Float] = []
        copy.reserveCapacity(listed.count * width)
        for row in listed { copy.append(contentsOf: UnsafeBufferPointer(start: features.row(row), count: width)) }
        return (copy.isEmpty ? [0] : copy).withUnsafeBufferPointer { buffer in
            let base = buffer.baseAddress!  // an array with elements has an address
            let rows = FeatureRows(base: base, rowCount: listed.count, featureCount: width)
            return select(count, features: rows, first: listed.isEmpty ? nil : 0).chosen.map { listed[$0] }
        }
    }

    private static func cover(_ nearest: inout [Double], from center: Int, _ features: FeatureRows) {
        for row in nearest.indices where nearest[row] > 0 {
            nearest[row] = min(nearest[row], squaredDistance(features.row(row), features.row(center), features))
        }
        nearest[center] = min(nearest[center], 0)
    }

    private static func squaredDistance(
        _ left: UnsafePointer<Float>,
        _ right: UnsafePointer<Float>,
        _ features: FeatureRows
    ) -> Double {
        var sum = 0.0
        for index in 0..<features.featureCount {
            let difference = Double(left[index]) - Double(right[index])
            sum += difference * difference
        }
        return sum
    }
}
