// SPDX-License-Identifier: Apache-2.0

/// A drawing under construction.
struct SVGDrawing {
    /// Where text is fixed.
    enum Anchor: String {
        case start
        case middle
        case end
    }

    private var elements: [String] = []
    let width: Double

    init(width: Double) { self.width = width }

    /// About as wide as text of this size is.
    static func textWidth(_ text: String, size: Double = 12) -> Double { Double(text.count) * size * 0.56 }

    /// A coordinate with two decimals at most.
    static func number(_ value: Double) -> String { NumberText.shortest((value * 100).rounded() / 100) }

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) {
        let ends = zip(["x1", "y1", "x2", "y2"], [x1, y1, x2, y2]).map { "\($0)=\"\(Self.number($1))\"" }
        elements.append("<line \(ends.joined(separator: " ")) \(style)/>")
    }

    mutating func path(_ points: [(x: Double, y: Double)], isClosed: Bool = false, _ style: String) {
        let places = points.map { "\(Self.number($0.x)) \(Self.number($0.y))" }
        elements.append("<path d=\"M\(places.joined(separator: "L"))\(isClosed ? "Z" : "")\" \(style)/>")
    }

    mutating func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: String) {
        let sides = zip(["x", "y", "width", "height"], [x, y, width, height]).map { "\($0)=\"\(Self.number($1))\"" }
        elements.append("<rect \(sides.joined(separator: " ")) \(style)/>")
    }

    mutating func circle(_ x: Double, _ y: Double, radius: Double, _ style: String) {
        elements.append(
            "<circle cx=\"\(Self.number(x))\" cy=\"\(Self.number(y))\" r=\"\(Self.number(radius))\" \(style)/>"
        )
    }

    mutating func text(
        _ text: String,
        _ x: Double,
        _ y: Double,
        _ anchor: Anchor = .start,
        size: Double = 12,
        isBold: Bool = false,
        isVertical: Bool = false
    ) {
        let place = "\(Self.number(x)) \(Self.number(y))"
        let position =
            isVertical
            ? "transform=\"translate(\(place)) rotate(-90)\"" : "x=\"\(Self.number(x))\" y=\"\(Self.number(y))\""
        let weight = isBold ? " font-weight=\"600\"" : ""
        elements.append(
            "<text \(position) text-anchor=\"\(anchor.rawValue)\" font-size=\"\(Self.number(size))\"\(weight)>"
                + "\(MarkupText.escaped(text))</text>"
        )
    }

    /// The whole drawing: an image with a name and a description for those who do not see it.
    func document(height: Double, title: String, description: String) -> String {
        let (width, height) = (Self.number(width), Self.number(height))
        let name = MarkupText.escaped(title)
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" width="\(width)" \
            height="\(height)" role="img" aria-label="\(name)" \
            font-family="system-ui, sans-serif" fill="\(ChartPalette.ink)">
            <title>\(name)</title>
            <desc>\(MarkupText.escaped(description))</desc>
            \(elements.joined(separator: "\n"))
            </svg>

            """
    }
}
