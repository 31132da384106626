// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Reporting

#if canImport(FoundationXML)
import FoundationXML
#endif

@Suite struct LineChartTests {
    private typealias Point = ChartSeries.Point

    private static func chart(_ name: String = "a") -> LineChart {
        let runs = [[0.5, 0.7, 0.9], [0.6, 0.6, 0.8]].map { ys in
            ys.enumerated().map { ChartSeries.Point(x: Double($0 + 1), y: $1) }
        }
        return LineChart(
            title: "Accuracy & <more>",
            labels: ("Round", "Accuracy"),
            series: [
                ChartSeries(name: name, runs: runs), ChartSeries(name: "b", runs: [[Point(x: 2, y: 0.5)]]),
                ChartSeries(name: "none", runs: []),
            ]
        )
    }

    @Test func meanAndBandAreThoseOfTheSeeds() {
        let runs = [[(1.0, 2.0), (2, 4), (3, 9)], [(3.0, 6.0), (4, 0)]].map { $0.map { Point(x: $0.0, y: $0.1) } }
        #expect(
            ChartSeries(name: "a", runs: runs).means == [
                .init(x: 2, y: 4, low: 2, high: 6), .init(x: 3, y: 2, low: 0, high: 4),
            ]
        )
    }

    @Test func aPointThatIsNotFiniteIsLeftOut() {
        let runs = [[(1.0, 2.0), (2, .nan), (3, 9)]].map { $0.map { Point(x: $0.0, y: $0.1) } }
        #expect(ChartSeries(name: "a", runs: runs).means.map(\.x) == [1, 3])
    }

    @Test func theImageSaysWhatItShowsToThoseWhoDoNotSeeIt() {
        let svg = Self.chart().svg
        #expect(svg.contains("role=\"img\""))
        #expect(svg.contains("<title>Accuracy &amp; &lt;more&gt;</title>"))
        let words = "a: from 0.5500 at 1.000 to 0.8500 at 3.000, mean of 2 runs with a band of all."
        #expect(svg.contains(words))
        #expect(svg.contains("none: no points."))
        #expect(svg.contains(">Round</text>") && svg.contains(">Accuracy</text>"))
    }

    @Test func severalSeedsHaveABandAndOnePointIsADot() {
        let svg = Self.chart().svg
        #expect(svg.components(separatedBy: "fill-opacity").count == 2)
        #expect(svg.components(separatedBy: "<circle").count == 2)
    }

    @Test func hostileNamesStayText() throws {
        let name = "</text><script>alert(1)</script>\"'&\u{1}"
        let svg = Self.chart(name).svg
        #expect(!svg.contains("<script"))
        let parser = XMLParser(data: Data(svg.utf8))
        let reader = ElementCounter()
        parser.delegate = reader
        #expect(parser.parse())
        #expect(reader.counts["script"] == nil)
        #expect(reader.counts["path"] == 2)
    }

    @Test func aLongCurveIsDrawnWithinBoundsAndToItsEnd() {
        let points = (1...20_000).map { Point(x: Double($0), y: 1 / Double($0)) }
        let chart = LineChart(title: "t", labels: ("x", "y"), series: [ChartSeries(name: "a", runs: [points])])
        #expect(chart.svg.utf8.count < 40_000)
        #expect(chart.svg.contains("at 20000"))
    }

    /// At least 3:1, as WCAG 2.1 (1.4.11) asks of graphics, on white and on black.
    @Test(arguments: ChartPalette.colors + [ChartPalette.ink])
    func colorsStandOutFromWhiteAndBlack(color: String) throws {
        let digits = try #require(UInt32(color.dropFirst(), radix: 16))
        let parts = [16, 8, 0].map { shift in
            let value = Double(digits >> shift & 0xFF) / 255
            return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
        }
        let luminance = 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
        #expect(1.05 / (luminance + 0.05) >= 3, "\(color) on white")
        #expect((luminance + 0.05) / 0.05 >= 3, "\(color) on black")
    }

    @Test func barsReachToBothSidesOfZero() {
        let chart = BarChart(
            title: "t",
            label: "l",
            bars: [
                .init(name: "up", value: 2, spread: 0.5), .init(name: "down", value: -1), .init(name: "x", value: .nan),
            ]
        )
        #expect(chart.svg.components(separatedBy: "<rect").count == 3)
        #expect(chart.svg.contains("down: -1.000."))
    }

    private final class ElementCounter: NSObject, XMLParserDelegate {
        var counts: [String: Int] = [:]

        func parser(
            _ parser: XMLParser,
            didStartElement elementName: String,
            namespaceURI: String?,
            qualifiedName qName: String?,
            attributes attributeDict: [String: String] = [:]
        ) {
            counts[elementName, default: 0] += 1
        }
    }
}
