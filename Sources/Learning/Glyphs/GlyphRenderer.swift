// SPDX-License-Identifier: Apache-2.0

internal import Randomness

/// Draws one distorted glyph at a time; keeps its buffers between glyphs.
struct GlyphRenderer {
    private typealias Point = GlyphTemplate.Point

    private static let curvePieces = 6
    /// Some glyphs are drawn dark on light: no linear model can score an image and its negative alike, so this share
    /// bounds what softmax regression reaches (about 0.88), while a small hidden layer learns both.
    private static let negativeShare: Float = 0.1
    private static let negativeBrightness: Float = 0.9
    private var points: [GlyphTemplate.Point] = []
    private var coverage = [Float](repeating: 0, count: GlyphSet.side * GlyphSet.side)

    /// Draws the template, distorted by the seed, into an image of 28 x 28 bytes.
    mutating func draw(_ template: GlyphTemplate, seed: Seed, into image: UnsafeMutableBufferPointer<UInt8>) {
        var generator = SeededGenerator(seed: seed)
        place(template, &generator)
        let halfWidth = 1.2 + 0.6 * generator.uniformFloat()
        for index in coverage.indices { coverage[index] = 0 }
        coverage.withUnsafeMutableBufferPointer { coverage in
            points.withUnsafeBufferPointer { points in
                for stroke in template.strokes {
                    switch stroke {
                    case .line(let from, let to):
                        Self.drawSegment(points[from], points[to], halfWidth, coverage)
                    case .curve(let from, let control, let to):
                        Self.drawCurve(points[from], points[control], points[to], halfWidth, coverage)
                    }
                }
            }
        }
        finish(image, &generator)
    }

    /// Moves each control point a little, then turns, stretches, slants and shifts them all into pixel coordinates.
    private mutating func place(_ template: GlyphTemplate, _ generator: inout SeededGenerator) {
        func symmetric(_ bound: Float) -> Float { bound * (2 * generator.uniformFloat() - 1) }
        // The rotation's half-angle tangent: sine and cosine follow by arithmetic alone.
        let half = symmetric(0.06)
        let cosine = (1 - half * half) / (1 + half * half)
        let sine = 2 * half / (1 + half * half)
        let scale: Float = 20 * (1 + symmetric(0.08))
        let aspect = 1 + symmetric(0.08)
        let slant = symmetric(0.1)
        let centerX = 13.5 + symmetric(0.5)
        let centerY = 13.5 + symmetric(0.5)
        points.removeAll(keepingCapacity: true)
        for point in template.points {
            let x = (point.x - 0.5 + symmetric(0.03)) * aspect
            let y = point.y - 0.5 + symmetric(0.03)
            let sheared = x + slant * y
            points.append(
                Point(
                    x: centerX + scale * (cosine * sheared - sine * y),
                    y: centerY + scale * (sine * sheared + cosine * y)
                )
            )
        }
    }

    private static func drawCurve(
        _ from: Point,
        _ control: Point,
        _ to: Point,
        _ halfWidth: Float,
        _ coverage: UnsafeMutableBufferPointer<Float>
    ) {
        var last = from
        for piece in 1...curvePieces {
            let t = Float(piece) / Float(curvePieces)
            let a = (1 - t) * (1 - t)
            let b = 2 * t * (1 - t)
            let c = t * t
            let next = Point(x: a * from.x + b * control.x + c * to.x, y: a * from.y + b * control.y + c * to.y)
            drawSegment(last, next, halfWidth, coverage)
            last = next
        }
    }

    /// Raises each pixel near the segment to its coverage: 1 within the stroke, falling to 0 over one pixel at its
    /// edge.
    private static func drawSegment(
        _ from: Point,
        _ to: Point,
        _ halfWidth: Float,
        _ coverage: UnsafeMutableBufferPointer<Float>
    ) {
        let reach = halfWidth + 0.5
        let side = GlyphSet.side
        let left = max(0, Int((min(from.x, to.x) - reach).rounded(.up)))
        let right = min(side - 1, Int((max(from.x, to.x) + reach).rounded(.down)))
        let top = max(0, Int((min(from.y, to.y) - reach).rounded(.up)))
        let bottom = min(side - 1, Int((max(from.y, to.y) + reach).rounded(.down)))
        guard left <= right, top <= bottom else { return }
        let dx = to.x - from.x
        let dy = to.y - from.y
        let inverseLength = 1 / max(dx * dx + dy * dy, 1e-6)
        for row in top...bottom {
            let py = Float(row) - from.y
            for column in left...right {
                let px = Float(column) - from.x
                let along = min(max((px * dx + py * dy) * inverseLength, 0), 1)
                let ex = px - along * dx
                let ey = py - along * dy
                let squared = ex * ex + ey * ey
                guard squared < reach * reach else { continue }
                let value = min(reach - squared.squareRoot(), 1)
                let at = row * side + column
                if value > coverage[at] { coverage[at] = value }
            }
        }
    }

    /// Applies contrast, background and noise, and rounds to bytes.
    private func finish(_ image: UnsafeMutableBufferPointer<UInt8>, _ generator: inout SeededGenerator) {
        let ink = 200 + 55 * generator.uniformFloat()
        let paper = 5 * generator.uniformFloat()
        let noise = 16 * generator.uniformFloat() / 255
        let isNegative = generator.uniformFloat() < Self.negativeShare
        var bits: UInt64 = 0
        for pixel in 0..<image.count {
            if pixel % 4 == 0 { bits = generator.next() }
            // The sum of two random bytes, centred: a triangular distribution on +-255.
            let triangle = Float(Int(bits & 255) + Int(bits >> 8 & 255) - 255)
            bits >>= 16
            let value = min(max(paper + (ink - paper) * coverage[pixel] + noise * triangle, 0), 255)
            image[pixel] = UInt8(isNegative ? Self.negativeBrightness * (255 - value) : value)
        }
    }
}
