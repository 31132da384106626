// SPDX-License-Identifier: Apache-2.0

/// A linear map from updates to other vectors: row i says how vector i is made of the updates; sparse.
public struct Mixing: Equatable, Sendable {
    /// How much of one update a vector has.
    public struct Entry: Equatable, Sendable {
        /// The update.
        public let column: Int
        /// Its coefficient, finite.
        public let weight: Double

        /// Creates an entry.
        public init(column: Int, weight: Double) {
            self.column = column
            self.weight = weight
        }
    }

    /// The entries of each row, in ascending order of their columns.
    public let rows: [[Entry]]
    /// The number of updates.
    public let columnCount: Int

    /// Creates a map.
    ///
    /// - Precondition: at least one row; columns inside `0 ..< columnCount`, ascending in each row.
    public init(rows: [[Entry]], columnCount: Int) {
        precondition(!rows.isEmpty, "a mixing makes at least one vector")
        for row in rows {
            precondition(
                row.allSatisfy { $0.column >= 0 && $0.column < columnCount }
                    && zip(row, row.dropFirst()).allSatisfy { $0.column < $1.column },
                "a mixing's columns must be updates, in ascending order"
            )
        }
        self.rows = rows
        self.columnCount = columnCount
    }

    /// The map that multiplies each update by a factor.
    public init(scales: [Double]) {
        self.init(
            rows: scales.enumerated().map { [Entry(column: $0.offset, weight: $0.element)] },
            columnCount: scales.count
        )
    }

    /// The map whose vectors are the means of groups of updates.
    public init(groups: [[Int]], columnCount: Int) {
        self.init(
            rows: groups.map { group in
                group.sorted().map { Entry(column: $0, weight: 1 / Double(group.count)) }
            },
            columnCount: columnCount
        )
    }

    /// The number of vectors that the map makes.
    public var rowCount: Int { rows.count }

    /// The map that applies `first` and then this one.
    func after(_ first: Mixing) -> Mixing {
        precondition(columnCount == first.rowCount, "mixings of different sizes follow each other")
        let composed = rows.map { row in
            var sums = [Double](repeating: 0, count: first.columnCount)
            for entry in row {
                for inner in first.rows[entry.column] { sums[inner.column] += entry.weight * inner.weight }
            }
            return sums.enumerated().compactMap { $0.element == 0 ? nil : Entry(column: $0.offset, weight: $0.element) }
        }
        return Mixing(rows: composed, columnCount: first.columnCount)
    }

    /// The coefficients of the updates in a combination of the made vectors: `P^T c`.
    func transposed(times coefficients: [Double]) -> [Double] {
        precondition(coefficients.count == rowCount, "one coefficient for each mixed vector")
        var result = [Double](repeating: 0, count: columnCount)
        for (row, coefficient) in zip(rows, coefficients) {
            for entry in row { result[entry.column] += coefficient * entry.weight }
        }
        return result
    }

    /// The map that leaves one further vector, placed last, as it is.
    func appendingIdentityRow() -> Mixing {
        Mixing(rows: rows + [[Entry(column: columnCount, weight: 1)]], columnCount: columnCount + 1)
    }
}
