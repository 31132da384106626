// SPDX-License-Identifier: Apache-2.0

/// Curves over one horizontal axis: of several seeds the mean as a line and all of them as a band.
public struct LineChart: Sendable {
    /// What it shows.
    public var title: String
    /// What lies along the axes, with units.
    public var labels: (x: String, y: String)
    /// The curves, in the order of the legend.
    public var series: [ChartSeries]
    /// How the horizontal axis runs.
    public var xScale: AxisScale
    /// Whether the vertical axis begins at 0 wherever the curves do.
    public var startsAtZero: Bool

    private static let width = 720.0
    private static let plotHeight = 300.0
    /// The most points of a curve that are drawn; of more, so many are taken at equal distances.
    private static let drawnPoints = 1_000

    /// Creates a chart.
    public init(
        title: String,
        labels: (x: String, y: String),
        series: [ChartSeries],
        xScale: AxisScale = .linear,
        startsAtZero: Bool = false
    ) {
        self.title = title
        self.labels = labels
        self.series = series
        self.xScale = xScale
        self.startsAtZero = startsAtZero
    }

    /// The chart as an image that stands alone or inside HTML, readable on light and dark grounds.
    public var svg: String {
        let curves = series.map { Self.thinned($0.means.filter { xScale == .linear || $0.x > 0 }) }
        let points = curves.flatMap { $0 }
        let xAxis = ChartAxis(points.map(\.x), scale: xScale, count: 8)
        let yAxis = ChartAxis(points.flatMap { [$0.low, $0.high] } + (startsAtZero ? [0] : []), isPadded: true)
        let left = 34 + (yAxis.ticks.map { SVGDrawing.textWidth($0.label) }.max() ?? 0)
        var frame = Frame(left: left, right: Self.width - 16, top: 40, bottom: 40 + Self.plotHeight)
        var drawing = SVGDrawing(width: Self.width)
        drawing.text(title, frame.left, 22, size: 15, isBold: true)
        draw(xAxis, yAxis, in: frame, &drawing)
        for (index, curve) in curves.enumerated() { draw(curve, index, xAxis, yAxis, in: frame, &drawing) }
        frame.bottom += 44
        let height = legend(below: frame, &drawing)
        return drawing.document(height: height, title: title, description: description(curves))
    }

    private struct Frame {
        var left: Double
        var right: Double
        var top: Double
        var bottom: Double

        func x(_ position: Double) -> Double { left + position * (right - left) }
        func y(_ position: Double) -> Double { bottom - position * (bottom - top) }
    }

    private func draw(_ xAxis: ChartAxis, _ yAxis: ChartAxis, in frame: Frame, _ drawing: inout SVGDrawing) {
        let grid = "stroke=\"\(ChartPalette.grid)\""
        let ink = "stroke=\"\(ChartPalette.ink)\""
        for tick in yAxis.ticks {
            guard let position = yAxis.position(of: tick.value) else { continue }
            let y = frame.y(position)
            drawing.line(frame.left, y, frame.right, y, grid)
            drawing.text(tick.label, frame.left - 6, y + 4, .end)
        }
        for tick in xAxis.ticks {
            guard let position = xAxis.position(of: tick.value) else { continue }
            let x = frame.x(position)
            drawing.line(x, frame.bottom, x, frame.bottom + 4, ink)
            drawing.text(tick.label, x, frame.bottom + 18, .middle)
        }
        drawing.line(frame.left, frame.bottom, frame.right, frame.bottom, ink)
        drawing.text(labels.x, (frame.left + frame.right) / 2, frame.bottom + 36, .middle)
        drawing.text(labels.y, 14, (frame.top + frame.bottom) / 2, .middle, isVertical: true)
    }

    private func draw(
        _ curve: [ChartSeries.Mean],
        _ index: Int,
        _ xAxis: ChartAxis,
        _ yAxis: ChartAxis,
        in frame: Frame,
        _ drawing: inout SVGDrawing
    ) {
        func place(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
            (frame.x(xAxis.position(of: x) ?? 0), frame.y(yAxis.position(of: y) ?? 0))
        }
        let color = ChartPalette.color(index)
        let line = curve.map { place($0.x, $0.y) }
        guard let first = line.first else { return }
        if series[index].runs.count > 1, line.count > 1 {
            let band = curve.map { place($0.x, $0.high) } + curve.reversed().map { place($0.x, $0.low) }
            drawing.path(band, isClosed: true, "fill=\"\(color)\" fill-opacity=\"0.18\" stroke=\"none\"")
        }
        if line.count == 1 {
            drawing.circle(first.x, first.y, radius: 3.5, "fill=\"\(color)\"")
        } else {
            drawing.path(line, Self.stroke(index))
        }
    }

    private static func stroke(_ index: Int) -> String {
        "fill=\"none\" stroke=\"\(ChartPalette.color(index))\" stroke-width=\"2\" stroke-linejoin=\"round\""
            + ChartPalette.dash(index)
    }

    /// Draws the names of the curves in rows.
    ///
    /// - Returns: where the last row ends.
    private func legend(below frame: Frame, _ drawing: inout SVGDrawing) -> Double {
        var (x, y) = (frame.left, frame.bottom + 16)
        for (index, one) in series.enumerated() {
            let width = 34 + SVGDrawing.textWidth(one.name) + 18
            if x > frame.left, x + width > frame.right { (x, y) = (frame.left, y + 20) }
            drawing.line(x, y - 4, x + 28, y - 4, Self.stroke(index))
            drawing.text(one.name, x + 34, y)
            x += width
        }
        return y + 14
    }

    private static func thinned(_ curve: [ChartSeries.Mean]) -> [ChartSeries.Mean] {
        guard curve.count > drawnPoints else { return curve }
        let step = Double(curve.count - 1) / Double(drawnPoints - 1)
        return (0..<drawnPoints).map { curve[Int((Double($0) * step).rounded())] }
    }

    /// What the curves say, in words.
    private func description(_ curves: [[ChartSeries.Mean]]) -> String {
        let ends = zip(series, curves).map { one, curve in
            guard let first = curve.first, let last = curve.last else { return "\(one.name): no points." }
            let seeds = one.runs.count > 1 ? ", mean of \(one.runs.count) runs with a band of all" : ""
            return "\(one.name): from \(NumberText.significant(first.y)) at \(NumberText.significant(first.x)) "
                + "to \(NumberText.significant(last.y)) at \(NumberText.significant(last.x))\(seeds)."
        }
        return "\(labels.y) against \(labels.x). " + ends.joined(separator: " ")
    }
}
