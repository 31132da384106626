// SPDX-License-Identifier: Apache-2.0

/// Colours that stand out from white and from black alike, and lines that differ without colour too.
enum ChartPalette {
    /// Text and axes.
    static let ink = "#767676"
    /// Lines behind the data.
    static let grid = "#80808040"
    /// Data; their luminance lies between that of white and of black.
    static let colors = [
        "#3a7fc4", "#d2691e", "#2e9363", "#c9508f", "#8a6fd1", "#9c7a14", "#16949e", "#e0503f", "#7a8b2a", "#7d7f86",
    ]
    /// Dashes; none for a solid line.
    private static let dashes = ["", "7 3", "2 3", "9 3 2 3"]

    /// The colour of a series.
    static func color(_ series: Int) -> String { colors[series % colors.count] }

    /// The dashes of a series, as an attribute.
    static func dash(_ series: Int) -> String {
        let dash = dashes[series % dashes.count]
        return dash.isEmpty ? "" : " stroke-dasharray=\"\(dash)\""
    }
}
