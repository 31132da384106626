// SPDX-License-Identifier: Apache-2.0

/// The undistorted shape of one class: strokes between control points in the unit square, y pointing down.
struct GlyphTemplate {
    struct Point {
        var x: Float
        var y: Float
    }

    /// Strokes name their control points by position, so that joined strokes stay joined when points are moved.
    enum Stroke {
        case line(Int, Int)
        /// A quadratic Bezier curve: from, control, to.
        case curve(Int, Int, Int)
    }

    let points: [Point]
    let strokes: [Stroke]

    private init(_ coordinates: [(Float, Float)], _ strokes: [Stroke]) {
        points = coordinates.map { Point(x: $0.0, y: $0.1) }
        self.strokes = strokes
    }

    /// The ten classes: characters of our own design.
    ///
    /// Neighbours share strokes, so that no single pixel tells them apart.
    static let all: [GlyphTemplate] = [
        // A ring.
        GlyphTemplate(
            [(0.5, 0.1), (0.9, 0.1), (0.9, 0.5), (0.9, 0.9), (0.5, 0.9), (0.1, 0.9), (0.1, 0.5), (0.1, 0.1)],
            [.curve(0, 1, 2), .curve(2, 3, 4), .curve(4, 5, 6), .curve(6, 7, 0)]
        ),
        // A ring with a bar through it.
        GlyphTemplate(
            [(0.5, 0.1), (0.9, 0.1), (0.9, 0.5), (0.9, 0.9), (0.5, 0.9), (0.1, 0.9), (0.1, 0.5), (0.1, 0.1)],
            [.curve(0, 1, 2), .curve(2, 3, 4), .curve(4, 5, 6), .curve(6, 7, 0), .line(6, 2)]
        ),
        // A stem under an arch that is open below.
        GlyphTemplate(
            [(0.12, 0.85), (0.12, 0.15), (0.5, 0.15), (0.88, 0.15), (0.88, 0.85), (0.5, 0.85)],
            [.curve(0, 1, 2), .curve(2, 3, 4), .line(2, 5)]
        ),
        // A stem on a bowl that is open above.
        GlyphTemplate(
            [(0.12, 0.15), (0.12, 0.85), (0.5, 0.85), (0.88, 0.85), (0.88, 0.15), (0.5, 0.15)],
            [.curve(0, 1, 2), .curve(2, 3, 4), .line(2, 5)]
        ),
        // A slanted stroke between two bars.
        GlyphTemplate(
            [(0.15, 0.15), (0.85, 0.15), (0.15, 0.85), (0.85, 0.85)],
            [.line(0, 1), .line(1, 2), .line(2, 3)]
        ),
        // The same, slanted the other way.
        GlyphTemplate(
            [(0.15, 0.15), (0.85, 0.15), (0.15, 0.85), (0.85, 0.85)],
            [.line(0, 1), .line(0, 3), .line(2, 3)]
        ),
        // A small ring on a crossed stem.
        GlyphTemplate(
            [
                (0.5, 0.08), (0.76, 0.08), (0.76, 0.27), (0.76, 0.46), (0.5, 0.46), (0.24, 0.46), (0.24, 0.27),
                (0.24, 0.08),
                (0.5, 0.92), (0.2, 0.68), (0.8, 0.68),
            ],
            [.curve(0, 1, 2), .curve(2, 3, 4), .curve(4, 5, 6), .curve(6, 7, 0), .line(4, 8), .line(9, 10)]
        ),
        // A lozenge with a stem through it.
        GlyphTemplate(
            [(0.5, 0.08), (0.85, 0.5), (0.5, 0.92), (0.15, 0.5)],
            [.line(0, 1), .line(1, 2), .line(2, 3), .line(3, 0), .line(0, 2)]
        ),
        // Two hooks, one above the other.
        GlyphTemplate(
            [(0.2, 0.15), (0.95, 0.1), (0.75, 0.42), (0.45, 0.5), (0.95, 0.6), (0.7, 0.88), (0.2, 0.85)],
            [.curve(0, 1, 2), .line(2, 3), .curve(3, 4, 5), .line(5, 6)]
        ),
        // Two hooks, mirrored.
        GlyphTemplate(
            [(0.8, 0.15), (0.05, 0.1), (0.25, 0.42), (0.55, 0.5), (0.05, 0.6), (0.3, 0.88), (0.8, 0.85)],
            [.curve(0, 1, 2), .line(2, 3), .curve(3, 4, 5), .line(5, 6)]
        ),
    ]
}
