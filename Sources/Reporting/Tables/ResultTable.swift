// SPDX-License-Identifier: Apache-2.0

/// A table with a name and a type for each column, as spreadsheets, pandas and Parquet have them.
///
/// Any cell may be missing. All columns have the same number of rows.
public struct ResultTable: Sendable, Hashable {
    /// A column's cells; nil where one is missing.
    public enum Cells: Sendable, Hashable {
        /// Text.
        case text([String?])
        /// Whole numbers.
        case integer([Int64?])
        /// Numbers; may hold infinities and not-a-number.
        case real([Double?])
        /// Truths.
        case boolean([Bool?])

        /// The number of cells.
        public var count: Int {
            switch self {
            case .text(let cells): cells.count
            case .integer(let cells): cells.count
            case .real(let cells): cells.count
            case .boolean(let cells): cells.count
            }
        }

        /// The type's name, as Arrow and NumPy call it.
        public var typeName: String {
            switch self {
            case .text: "string"
            case .integer: "int64"
            case .real: "float64"
            case .boolean: "bool"
            }
        }

        /// Whether no cell holds anything.
        public var isEmpty: Bool {
            switch self {
            case .text(let cells): cells.allSatisfy { $0 == nil }
            case .integer(let cells): cells.allSatisfy { $0 == nil }
            case .real(let cells): cells.allSatisfy { $0 == nil }
            case .boolean(let cells): cells.allSatisfy { $0 == nil }
            }
        }
    }

    /// A named column.
    public struct Column: Sendable, Hashable {
        /// Its name.
        public let name: String
        /// Its cells, from the first row on.
        public let cells: Cells

        /// Creates a column.
        public init(_ name: String, _ cells: Cells) {
            self.name = name
            self.cells = cells
        }
    }

    /// The columns in order.
    public private(set) var columns: [Column]

    /// Creates a table.
    ///
    /// - Precondition: the columns have different names and the same number of rows.
    public init(_ columns: [Column] = []) {
        self.columns = []
        for column in columns { append(column) }
    }

    /// The number of rows.
    public var rowCount: Int { columns.first?.cells.count ?? 0 }

    /// The column of a name.
    public subscript(name: String) -> Cells? { columns.first { $0.name == name }?.cells }

    /// Adds a column on the right.
    ///
    /// - Precondition: its name is new, and it has as many rows as the others.
    public mutating func append(_ column: Column) {
        precondition(columns.isEmpty || column.cells.count == rowCount, "all columns have the same number of rows")
        precondition(!columns.contains { $0.name == column.name }, "columns have different names")
        columns.append(column)
    }

    /// The table without the columns in which no cell holds anything.
    public var withoutEmptyColumns: ResultTable { ResultTable(columns.filter { !$0.cells.isEmpty }) }
}
