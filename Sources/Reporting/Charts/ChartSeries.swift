// SPDX-License-Identifier: Apache-2.0

/// A named curve, measured once or with several seeds.
public struct ChartSeries: Sendable, Hashable {
    /// A measured point.
    public struct Point: Sendable, Hashable {
        /// Along the horizontal axis.
        public var x: Double
        /// Along the vertical axis.
        public var y: Double

        /// Creates a point.
        public init(x: Double, y: Double) {
            self.x = x
            self.y = y
        }
    }

    /// A point of the mean curve.
    struct Mean: Equatable {
        var x: Double
        var y: Double
        var low: Double
        var high: Double
    }

    /// Its name in the legend.
    public var name: String
    /// Each seed's points; the k-th points of all seeds belong together.
    public var runs: [[Point]]

    /// Creates a series.
    public init(name: String, runs: [[Point]]) {
        self.name = name
        self.runs = runs
    }

    /// The mean over the seeds, and the least and the most of them, point by point.
    ///
    /// It ends where the shortest run ends: a mean over fewer seeds further on would jump. Points at which any seed is
    /// not finite are left out.
    var means: [Mean] {
        let runs = runs.filter { !$0.isEmpty }
        let length = runs.map(\.count).min() ?? 0
        return (0..<length).compactMap { index in
            let points = runs.map { $0[index] }
            guard points.allSatisfy({ $0.x.isFinite && $0.y.isFinite }) else { return nil }
            let count = Double(points.count)
            let values = points.map(\.y)
            return Mean(
                x: points.reduce(0) { $0 + $1.x } / count,
                y: values.reduce(0, +) / count,
                low: values.min() ?? 0,
                high: values.max() ?? 0
            )
        }
    }
}
