// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Randomness

/// Corruptions that move pixels. Values between pixels are interpolated; outside the image all is black.
extension ImageCorruptor {
    /// Turns the image to the left about its centre.
    func rotate(_ pixels: UnsafeMutablePointer<Float>, _ other: UnsafeMutablePointer<Float>, degrees: Float) {
        let angle = degrees * Float.pi / 180
        let (sine, cosine) = (Glibc.sinf(angle), Glibc.cosf(angle))
        let (middleRow, middleColumn) = (Float(height - 1) / 2, Float(width - 1) / 2)
        for row in 0..<height {
            let down = Float(row) - middleRow
            for column in 0..<width {
                let right = Float(column) - middleColumn
                // Rows grow downwards: the pixel comes from where turning to the right takes it.
                other[row * width + column] = value(
                    of: pixels,
                    row: middleRow + cosine * down + sine * right,
                    column: middleColumn - sine * down + cosine * right
                )
            }
        }
        pixels.update(from: other, count: pixelCount)
    }

    /// Moves every pixel by a smooth field: normal displacements with the given deviation on a 5 x 5 grid, interpolated
    /// smoothly.
    func displace(
        _ pixels: UnsafeMutablePointer<Float>,
        _ other: UnsafeMutablePointer<Float>,
        by amount: Float,
        _ generator: inout SeededGenerator
    ) {
        let nodes = 5
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * nodes * nodes) { grid in
            for index in grid.indices { grid[index] = amount * Float(generator.normal()) }
            for row in 0..<height {
                let (upper, down) = Self.cell(row, height, nodes)
                for column in 0..<width {
                    let (left, right) = Self.cell(column, width, nodes)
                    let corner = upper * nodes + left
                    func field(_ base: Int) -> Float {
                        let top = grid[base + corner] * (1 - right) + grid[base + corner + 1] * right
                        let bottom =
                            grid[base + corner + nodes] * (1 - right) + grid[base + corner + nodes + 1] * right
                        return top * (1 - down) + bottom * down
                    }
                    other[row * width + column] = value(
                        of: pixels,
                        row: Float(row) + field(0),
                        column: Float(column) + field(nodes * nodes)
                    )
                }
            }
        }
        pixels.update(from: other, count: pixelCount)
    }

    /// The node before a position and how far it is to the next, eased so that the field has no kinks.
    private static func cell(_ position: Int, _ length: Int, _ nodes: Int) -> (node: Int, part: Float) {
        let place = (Float(position) + 0.5) / Float(length) * Float(nodes - 1)
        let node = min(Int(place), nodes - 2)
        let part = place - Float(node)
        return (node, part * part * (3 - 2 * part))
    }

    /// The value between pixels.
    @inline(__always)
    private func value(of pixels: UnsafePointer<Float>, row: Float, column: Float) -> Float {
        guard row > -1, column > -1, row < Float(height), column < Float(width) else { return 0 }
        let (top, left) = (Int(row.rounded(.down)), Int(column.rounded(.down)))
        let (down, right) = (row - Float(top), column - Float(left))
        func pixel(_ row: Int, _ column: Int) -> Float {
            row >= 0 && column >= 0 && row < height && column < width ? pixels[row * width + column] : 0
        }
        let upper = pixel(top, left) * (1 - right) + pixel(top, left + 1) * right
        let lower = pixel(top + 1, left) * (1 - right) + pixel(top + 1, left + 1) * right
        return upper * (1 - down) + lower * down
    }
}
