// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The loss that JPEG's quantisation brings.
extension ImageCorruptor {
    /// The luminance table of JPEG (ITU-T T.81, annex K.1), by rows of rising vertical frequency.
    private static let luminance: [Float] = [
        16, 11, 10, 16, 24, 40, 51, 61,
        12, 12, 14, 19, 26, 58, 60, 55,
        14, 13, 16, 24, 40, 57, 69, 56,
        14, 17, 22, 29, 51, 87, 80, 62,
        18, 22, 37, 56, 68, 109, 103, 77,
        24, 35, 55, 64, 81, 104, 113, 92,
        49, 64, 78, 87, 103, 121, 120, 101,
        72, 92, 95, 98, 112, 100, 103, 99,
    ]

    /// The orthonormal cosine transform of eight values: `cosines[8 k + n] = c_k cos((2 n + 1) k pi / 16)`.
    private static let cosines: [Float] = (0..<64).map { index in
        let (frequency, position) = (index / 8, index % 8)
        let scale = frequency == 0 ? (1.0 / 8).squareRoot() : 0.5
        return Float(scale * Glibc.cos(Double((2 * position + 1) * frequency) * Double.pi / 16))
    }

    /// Rounds the cosine coefficients of 8 x 8 blocks to multiples of the table's numbers, scaled for a quality as the
    /// Independent JPEG Group's encoder does; blocks over the edge repeat the last row and column.
    func quantizeBlocks(_ pixels: UnsafeMutablePointer<Float>, quality: Float) {
        let percent = quality < 50 ? 5_000 / quality : 200 - 2 * quality
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 4 * 64) { memory in
            let block = memory.baseAddress!  // of a fixed size
            let (half, steps, cosines) = (block + 64, block + 128, block + 192)
            for index in 0..<64 {
                steps[index] = min(max((Self.luminance[index] * percent / 100).rounded(), 1), 255)
                cosines[index] = Self.cosines[index]
            }
            for top in stride(from: 0, to: height, by: 8) {
                for left in stride(from: 0, to: width, by: 8) {
                    for index in 0..<64 {
                        let row = min(top + index / 8, height - 1)
                        let column = min(left + index % 8, width - 1)
                        block[index] = pixels[row * width + column] * 255 - 128
                    }
                    // C B C^T: each step transforms the rows and transposes.
                    Self.transform(block, cosines, into: half)
                    Self.transform(half, cosines, into: block)
                    for index in 0..<64 { block[index] = (block[index] / steps[index]).rounded() * steps[index] }
                    Self.restore(block, cosines, into: half)
                    Self.restore(half, cosines, into: block)
                    for row in top..<min(top + 8, height) {
                        for column in left..<min(left + 8, width) {
                            pixels[row * width + column] = (block[(row - top) * 8 + column - left] + 128) / 255
                        }
                    }
                }
            }
        }
    }

    /// `target = (source C^T)^T`.
    private static func transform(
        _ source: UnsafePointer<Float>,
        _ cosines: UnsafePointer<Float>,
        into target: UnsafeMutablePointer<Float>
    ) {
        for row in 0..<8 {
            for frequency in 0..<8 {
                var sum: Float = 0
                for position in 0..<8 { sum += source[row * 8 + position] * cosines[frequency * 8 + position] }
                target[frequency * 8 + row] = sum
            }
        }
    }

    /// `target = (source C)^T`.
    private static func restore(
        _ source: UnsafePointer<Float>,
        _ cosines: UnsafePointer<Float>,
        into target: UnsafeMutablePointer<Float>
    ) {
        for row in 0..<8 {
            for position in 0..<8 {
                var sum: Float = 0
                for frequency in 0..<8 { sum += source[row * 8 + frequency] * cosines[frequency * 8 + position] }
                target[position * 8 + row] = sum
            }
        }
    }
}
