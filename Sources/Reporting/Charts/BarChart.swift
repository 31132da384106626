// SPDX-License-Identifier: Apache-2.0

/// Horizontal bars, one for each name, with the spread over seeds as a whisker.
public struct BarChart: Sendable {
    /// One bar.
    public struct Bar: Sendable, Hashable {
        /// Its name.
        public var name: String
        /// Its length.
        public var value: Double
        /// How far the whisker reaches to both sides; nil for none.
        public var spread: Double?

        /// Creates a bar.
        public init(name: String, value: Double, spread: Double? = nil) {
            self.name = name
            self.value = value
            self.spread = spread
        }
    }

    /// What it shows.
    public var title: String
    /// What the length means, with its unit.
    public var label: String
    /// The bars from top to bottom; those that are not finite are left out.
    public var bars: [Bar]

    /// Creates a chart.
    public init(title: String, label: String, bars: [Bar]) {
        self.title = title
        self.label = label
        self.bars = bars
    }

    /// The chart as an image that stands alone or inside HTML, readable on light and dark grounds.
    public var svg: String {
        let bars = bars.filter { $0.value.isFinite }
        let ends = bars.flatMap { [$0.value - ($0.spread ?? 0), $0.value + ($0.spread ?? 0)] }
        let axis = ChartAxis(ends + [0], isPadded: true)
        let (width, rowHeight, top) = (720.0, 26.0, 40.0)
        let longest = bars.map { SVGDrawing.textWidth($0.name) }.max() ?? 0
        let left = min(20 + longest, width / 2)
        let right = width - 80
        let bottom = top + rowHeight * Double(max(bars.count, 1))
        func x(_ value: Double) -> Double { left + (axis.position(of: value) ?? 0) * (right - left) }
        var drawing = SVGDrawing(width: width)
        drawing.text(title, left, 22, size: 15, isBold: true)
        for tick in axis.ticks {
            drawing.line(x(tick.value), top, x(tick.value), bottom, "stroke=\"\(ChartPalette.grid)\"")
            drawing.text(tick.label, x(tick.value), bottom + 18, .middle)
        }
        for (index, bar) in bars.enumerated() {
            let y = top + rowHeight * Double(index)
            let (start, end) = (min(x(0), x(bar.value)), max(x(0), x(bar.value)))
            drawing.rectangle(start, y + 4, end - start, rowHeight - 8, "fill=\"\(ChartPalette.color(0))\"")
            var labelX = end
            if let spread = bar.spread {
                let ink = "stroke=\"\(ChartPalette.ink)\" stroke-width=\"2\""
                drawing.line(x(bar.value - spread), y + rowHeight / 2, x(bar.value + spread), y + rowHeight / 2, ink)
                labelX = max(end, x(bar.value + spread))
            }
            drawing.text(bar.name, left - 8, y + rowHeight / 2 + 4, .end)
            drawing.text(NumberText.significant(bar.value), labelX + 6, y + rowHeight / 2 + 4)
        }
        drawing.line(x(0), top, x(0), bottom, "stroke=\"\(ChartPalette.ink)\"")
        drawing.text(label, (left + right) / 2, bottom + 36, .middle)
        let words = bars.map { "\($0.name): \(NumberText.significant($0.value))." }
        return drawing.document(
            height: bottom + 48,
            title: title,
            description: "\(label). " + words.joined(separator: " ")
        )
    }
}
