// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Randomness

/// Corruptions that mix neighbours. Beyond the edge the edge goes on.
extension ImageCorruptor {
    /// Convolves with a Gaussian cut off at three deviations, first along the rows, then along the columns.
    func blur(_ pixels: UnsafeMutablePointer<Float>, _ other: UnsafeMutablePointer<Float>, deviation: Float) {
        let reach = max(Int((3 * deviation).rounded(.up)), 1)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * reach + 1) { kernel in
            var sum: Float = 0
            for offset in -reach...reach {
                let distance = Float(offset) / deviation
                kernel[offset + reach] = Glibc.expf(-0.5 * distance * distance)
                sum += kernel[offset + reach]
            }
            for index in kernel.indices { kernel[index] /= sum }
            convolve(pixels, into: other, kernel, reach, step: 1, length: width, lines: height, lineStep: width)
            convolve(other, into: pixels, kernel, reach, step: width, length: height, lines: width, lineStep: 1)
        }
    }

    /// Convolves along lines of pixels that are `step` apart.
    private func convolve(
        _ source: UnsafePointer<Float>,
        into target: UnsafeMutablePointer<Float>,
        _ kernel: UnsafeMutableBufferPointer<Float>,
        _ reach: Int,
        step: Int,
        length: Int,
        lines: Int,
        lineStep: Int
    ) {
        for line in 0..<lines {
            let from = source + line * lineStep
            let to = target + line * lineStep
            for position in 0..<length {
                var sum: Float = 0
                if position >= reach, position + reach < length {
                    for offset in -reach...reach { sum += kernel[offset + reach] * from[(position + offset) * step] }
                } else {
                    for offset in -reach...reach {
                        let inside = min(max(position + offset, 0), length - 1)
                        sum += kernel[offset + reach] * from[inside * step]
                    }
                }
                to[position * step] = sum
            }
        }
    }

    /// Averages samples along a line through the pixel, one for each pixel of its length.
    func blurAlongLine(
        _ pixels: UnsafeMutablePointer<Float>,
        _ other: UnsafeMutablePointer<Float>,
        length: Float,
        _ generator: inout SeededGenerator
    ) {
        let angle = Float.pi * generator.uniformFloat()
        let (down, right) = (Glibc.sinf(angle), Glibc.cosf(angle))
        let count = max(Int(length.rounded()), 2)
        other.update(repeating: 0, count: pixelCount)
        for sample in 0..<count {
            let distance = (Float(sample) / Float(count - 1) - 0.5) * (length - 1)
            // One offset serves all pixels: split it into whole pixels and the rest between four neighbours.
            addShifted(pixels, to: other, down: down * distance, right: right * distance, weight: 1 / Float(count))
        }
        pixels.update(from: other, count: pixelCount)
    }

    private func addShifted(
        _ source: UnsafePointer<Float>,
        to target: UnsafeMutablePointer<Float>,
        down: Float,
        right: Float,
        weight: Float
    ) {
        let (wholeDown, wholeRight) = (down.rounded(.down), right.rounded(.down))
        let (partDown, partRight) = (down - wholeDown, right - wholeRight)
        for (rowOffset, rowPart) in [(0, 1 - partDown), (1, partDown)] {
            for (columnOffset, columnPart) in [(0, 1 - partRight), (1, partRight)] {
                let share = weight * rowPart * columnPart
                guard share > 0 else { continue }
                let columnShift = Int(wholeRight) + columnOffset
                for row in 0..<height {
                    let from = source + min(max(row + Int(wholeDown) + rowOffset, 0), height - 1) * width
                    let to = target + row * width
                    for column in 0..<width {
                        to[column] += share * from[min(max(column + columnShift, 0), width - 1)]
                    }
                }
            }
        }
    }

    /// Shrinks to fewer, larger pixels and back: every block has the mean of what it covers.
    func pixelate(_ pixels: UnsafeMutablePointer<Float>, _ other: UnsafeMutablePointer<Float>, side: Float) {
        let rows = min(max(Int((Float(height) / side).rounded()), 1), height)
        let columns = min(max(Int((Float(width) / side).rounded()), 1), width)
        for blockRow in 0..<rows {
            let top = blockRow * height / rows
            let bottom = (blockRow + 1) * height / rows
            for blockColumn in 0..<columns {
                let left = blockColumn * width / columns
                let right = (blockColumn + 1) * width / columns
                var sum: Float = 0
                for row in top..<bottom {
                    for column in left..<right { sum += pixels[row * width + column] }
                }
                let mean = sum / Float((bottom - top) * (right - left))
                for row in top..<bottom {
                    (other + (row * width + left)).update(repeating: mean, count: right - left)
                }
            }
        }
        pixels.update(from: other, count: pixelCount)
    }
}
