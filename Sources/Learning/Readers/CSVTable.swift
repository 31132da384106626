// SPDX-License-Identifier: Apache-2.0

/// The cells of a CSV file of numbers: one row a line, separated by commas.
///
/// The first line is a header if any of its cells is neither a number nor missing. A cell that is empty, `?`, `NA` or
/// `nan` is missing and read as NaN. Quotes around a cell are dropped. Empty lines are skipped.
struct CSVTable {
    /// The columns' names; empty without a header.
    let header: [String]
    let columnCount: Int
    /// Row-major.
    let cells: [Float]

    var rowCount: Int { columnCount > 0 ? cells.count / columnCount : 0 }

    /// Reads a table.
    ///
    /// - Throws: ``LearningError`` with code `malformedFile` for a cell that is no number or a row of another length.
    init(_ bytes: [UInt8], name: String) throws {
        var header: [String] = []
        var cells: [Float] = []
        var columnCount = 0
        var isFirst = true
        var lineNumber = 0
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            lineNumber += 1
            var line = line
            if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
            if lineNumber == 1, line.starts(with: [0xEF, 0xBB, 0xBF]) { line = line.dropFirst(3) }
            guard line.contains(where: { $0 != UInt8(ascii: " ") }) else { continue }
            let fields = line.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            if isFirst {
                isFirst = false
                columnCount = fields.count
                if fields.contains(where: { Self.number($0) == nil }) {
                    header = fields.map(Self.text)
                    continue
                }
            }
            guard fields.count == columnCount else {
                throw LearningError(
                    .malformedFile,
                    "\(name) line \(lineNumber) has \(fields.count) cells where the first line has \(columnCount)"
                )
            }
            for (column, field) in fields.enumerated() {
                guard let value = Self.number(field) else {
                    throw LearningError(
                        .malformedFile,
                        "\(name) line \(lineNumber) column \(column): '\(Self.text(field).prefix(24))' is "
                            + "not a number; encode it as one or leave the column out (skip=\(column))"
                    )
                }
                cells.append(value)
            }
        }
        guard !cells.isEmpty else { throw LearningError(.malformedFile, "\(name) has no rows of numbers") }
        self.header = header
        self.columnCount = columnCount
        self.cells = cells
    }

    /// The position of a column given by name or by number from 0.
    func column(_ key: String, name: String) throws -> Int {
        if let named = header.firstIndex(of: key) { return named }
        if let number = Int(key), (0..<columnCount).contains(number) { return number }
        let known = header.isEmpty ? "0 to \(columnCount - 1)" : header.prefix(40).joined(separator: ", ")
        throw LearningError(.unknownKey, "\(name) has no column '\(key)'; known: \(known)")
    }

    private static func text(_ field: ArraySlice<UInt8>) -> String {
        String(decoding: trimmed(field), as: UTF8.self)
    }

    private static func trimmed(_ field: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var field = field
        let blank: Set<UInt8> = [UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\"")]
        while let first = field.first, blank.contains(first) { field = field.dropFirst() }
        while let last = field.last, blank.contains(last) { field = field.dropLast() }
        return field
    }

    /// The cell's value, NaN for a missing one, nil for anything that is not a finite number.
    private static func number(_ field: ArraySlice<UInt8>) -> Float? {
        let text = text(field)
        if ["", "?", "na", "nan"].contains(text.lowercased()) { return .nan }
        guard let value = Float(text), value.isFinite else { return nil }
        return value
    }
}
