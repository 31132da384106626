// SPDX-License-Identifier: Apache-2.0

extension ResultTable {
    /// The table as CSV (RFC 4180): a header, lines that end with CR LF, quotes where a text needs them.
    ///
    /// A missing cell is empty, an empty text is `""`. Numbers read back without loss; those that are not finite are
    /// `nan`, `inf` and `-inf`.
    public var csv: String {
        var text = columns.map { Self.quoted($0.name) }.joined(separator: ",") + "\r\n"
        for row in 0..<rowCount {
            text += columns.map { Self.csvCell($0.cells, row) }.joined(separator: ",") + "\r\n"
        }
        return text
    }

    /// The table as JSON by columns, which pandas and Arrow take as they are:
    ///
    ///     {"schema": {"round": "int64", ...}, "columns": {"round": [1, 2], ...}}
    ///
    /// `pandas.DataFrame(table["columns"])`, `pyarrow.table(table["columns"])`. Missing cells and numbers that are not
    /// finite are null. The columns keep their order.
    public var columnJSON: String {
        let schema = columns.map { "\(MarkupText.json($0.name)):\"\($0.cells.typeName)\"" }
        let values = columns.map { column in
            let cells = (0..<rowCount).map { Self.jsonCell(column.cells, $0) }
            return "\(MarkupText.json(column.name)):[\(cells.joined(separator: ","))]"
        }
        return "{\"schema\":{\(schema.joined(separator: ","))},\"columns\":{\(values.joined(separator: ","))}}"
    }

    /// A text in JSON, with its quotes.
    public static func jsonText(_ text: String) -> String { MarkupText.json(text) }

    /// The table in Markdown with columns of equal width, which reads as well on a terminal.
    public var markdown: String {
        let cells = columns.map { column in (0..<rowCount).map { Self.display(column.cells, $0) } }
        let widths = zip(columns, cells).map { column, texts in
            max(3, ([column.name] + texts).map { Self.markdownCell($0).count }.max() ?? 0)
        }
        func line(_ texts: [String]) -> String {
            let padded = texts.enumerated().map { index, text in
                let text = Self.markdownCell(text)
                let padding = String(repeating: " ", count: widths[index] - text.count)
                return isLeft(index) ? text + padding : padding + text
            }
            return "| " + padded.joined(separator: " | ") + " |"
        }
        let rules = columns.indices.map { index in
            let dashes = String(repeating: "-", count: widths[index] - 1)
            return isLeft(index) ? dashes + "-" : dashes + ":"
        }
        let header = [line(columns.map(\.name)), "| " + rules.joined(separator: " | ") + " |"]
        return (header + (0..<rowCount).map { row in line(cells.map { $0[row] }) }).joined(separator: "\n")
    }

    /// Whether a column's cells stand at its left edge: text does.
    func isLeft(_ column: Int) -> Bool {
        if case .text = columns[column].cells { true } else { false }
    }

    /// A cell as people read it: numbers with four significant digits.
    static func display(_ cells: Cells, _ row: Int) -> String {
        switch cells {
        case .text(let cells): cells[row] ?? ""
        case .integer(let cells): cells[row].map { "\($0)" } ?? ""
        case .real(let cells): cells[row].map(NumberText.significant) ?? ""
        case .boolean(let cells): cells[row].map { $0 ? "yes" : "no" } ?? ""
        }
    }

    private static func markdownCell(_ text: String) -> String {
        text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
            .split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    private static func quoted(_ text: String) -> String {
        let needsQuotes = text.isEmpty || text.utf8.contains { [0x22, 0x2C, 0x0A, 0x0D].contains($0) }
        guard needsQuotes || text.first == " " || text.last == " " else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }

    private static func csvCell(_ cells: Cells, _ row: Int) -> String {
        switch cells {
        case .text(let cells): cells[row].map(quoted) ?? ""
        case .integer(let cells): cells[row].map { "\($0)" } ?? ""
        case .real(let cells): cells[row].map { "\($0)" } ?? ""
        case .boolean(let cells): cells[row].map { "\($0)" } ?? ""
        }
    }

    private static func jsonCell(_ cells: Cells, _ row: Int) -> String {
        switch cells {
        case .text(let cells): cells[row].map(MarkupText.json) ?? "null"
        case .integer(let cells): cells[row].map { "\($0)" } ?? "null"
        case .real(let cells): cells[row].flatMap { $0.isFinite ? "\($0)" : nil } ?? "null"
        case .boolean(let cells): cells[row].map { "\($0)" } ?? "null"
        }
    }
}
