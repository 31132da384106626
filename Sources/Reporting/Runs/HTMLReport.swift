// SPDX-License-Identifier: Apache-2.0

/// A page that needs nothing but itself: no network, no scripts; images are part of it.
public struct HTMLReport: Sendable {
    private let title: String
    private var parts: [String] = []

    private static let style = """
        :root { color-scheme: light dark; }
        body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
        h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
        figure { margin: 1.5rem 0; } figure svg { max-width: 100%; height: auto; }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
        caption { text-align: left; font-weight: 600; padding: .5rem 0; }
        th, td { padding: .25rem .75rem .25rem 0; text-align: right; border-bottom: 1px solid #80808040; }
        th.left, td.left { text-align: left; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.5rem; }
        dt { opacity: .75; } dd { margin: 0; overflow-wrap: anywhere; }
        """

    /// Creates a page with a title.
    public init(title: String) { self.title = title }

    /// Adds a heading of a part.
    public mutating func heading(_ text: String) { parts.append("<h2>\(MarkupText.escaped(text))</h2>") }

    /// Adds a paragraph.
    public mutating func paragraph(_ text: String) { parts.append("<p>\(MarkupText.escaped(text))</p>") }

    /// Adds names with their values.
    public mutating func facts(_ facts: [(name: String, value: String)]) {
        let items = facts.map { "<dt>\(MarkupText.escaped($0.name))</dt><dd>\(MarkupText.escaped($0.value))</dd>" }
        parts.append("<dl>\n\(items.joined(separator: "\n"))\n</dl>")
    }

    /// Adds an image of ``LineChart`` or ``BarChart``.
    public mutating func figure(svg: String) { parts.append("<figure>\(svg)</figure>") }

    /// Adds a table.
    public mutating func table(_ table: ResultTable, caption: String) {
        let names = table.columns.enumerated().map { index, column in
            "<th scope=\"col\"\(table.isLeft(index) ? " class=\"left\"" : "")>\(MarkupText.escaped(column.name))</th>"
        }
        let rows = (0..<table.rowCount).map { row in
            let cells = table.columns.enumerated().map { index, column in
                let text = MarkupText.escaped(ResultTable.display(column.cells, row))
                return "<td\(table.isLeft(index) ? " class=\"left\"" : "")>\(text)</td>"
            }
            return "<tr>\(cells.joined())</tr>"
        }
        parts.append(
            """
            <div class="wide"><table>
            <caption>\(MarkupText.escaped(caption))</caption>
            <thead><tr>\(names.joined())</tr></thead>
            <tbody>
            \(rows.joined(separator: "\n"))
            </tbody></table></div>
            """
        )
    }

    /// The page.
    public var text: String {
        let name = MarkupText.escaped(title)
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(name)</title>
            <style>
            \(Self.style)
            </style>
            </head>
            <body>
            <h1>\(name)</h1>
            \(parts.joined(separator: "\n"))
            </body>
            </html>

            """
    }
}
