// SPDX-License-Identifier: Apache-2.0

/// What images look like on average, told by a few statistics of their pixels; it knows environments again.
///
/// It is taken from the raw images, so it does not depend on the prompt or the model of the moment, and costs some
/// additions a pixel. Of each image: mean, deviation, mean absolute differences between neighbours along rows, columns
/// and diagonals, the mean absolute Laplacian, the shares of almost black and almost white pixels, and the mean of
/// each of 4 x 4 blocks.
public struct EnvironmentKey: Sendable, Hashable {
    /// The number of statistics.
    public static let count = 24

    /// The mean statistics of the images.
    public internal(set) var values: [Float]

    init(values: [Float]) { self.values = values }

    /// The statistics of one grey image of `height` x `width`.
    static func statistics(_ image: UnsafePointer<Float>, _ height: Int, _ width: Int) -> [Float] {
        var (sum, squares, dark, light): (Float, Float, Float, Float) = (0, 0, 0, 0)
        var (across, down, diagonal, laplacian): (Float, Float, Float, Float) = (0, 0, 0, 0)
        var blocks = [Float](repeating: 0, count: 16)
        var blockCounts = blocks
        for row in 0..<height {
            for column in 0..<width {
                let at = row * width + column
                let value = image[at]
                sum += value
                squares += value * value
                dark += value < 0.04 ? 1 : 0
                light += value > 0.96 ? 1 : 0
                let block = row * 4 / height * 4 + column * 4 / width
                blocks[block] += value
                blockCounts[block] += 1
                guard row > 0, column > 0, row < height - 1, column < width - 1 else { continue }
                across += abs(image[at + 1] - value)
                down += abs(image[at + width] - value)
                diagonal += abs(image[at + width + 1] - value)
                let around = image[at - 1] + image[at + 1] + image[at - width] + image[at + width]
                laplacian += abs(4 * value - around)
            }
        }
        let count = Float(height * width)
        let inner = Float(max((height - 2) * (width - 2), 1))
        let mean = sum / count
        let deviation = max(squares / count - mean * mean, 0).squareRoot()
        let edges = [across / inner, down / inner, diagonal / inner, laplacian / inner]
        return [mean, deviation] + edges + [dark / count, light / count]
            + zip(blocks, blockCounts).map { $1 > 0 ? $0 / $1 : 0 }
    }
}

/// Makes keys of images, in units of the spread that clean images have.
public struct EnvironmentScale: Sendable {
    private let height: Int
    private let width: Int
    private let means: [Float]
    private let inverses: [Float]

    /// Learns the scale from clean images that follow each other without gaps.
    ///
    /// - Throws: ``AdaptationError`` with code `missingInput` for fewer than two images.
    public init(clean images: [Float], height: Int, width: Int) throws {
        let size = height * width
        guard size > 0, images.count >= 2 * size else {
            throw AdaptationError(.missingInput, "keys of environments are scaled by two clean images or more")
        }
        self.height = height
        self.width = width
        let all = Self.statistics(images, height, width)
        let count = Float(all.count)
        let means = (0..<EnvironmentKey.count).map { index in all.reduce(0) { $0 + $1[index] } / count }
        self.means = means
        inverses = (0..<EnvironmentKey.count).map { index in
            let variance = all.reduce(0) { $0 + ($1[index] - means[index]) * ($1[index] - means[index]) } / count
            // A statistic that clean images hardly vary in must not drown the others.
            return 1 / max(variance.squareRoot(), 0.02)
        }
    }

    private static func statistics(_ images: [Float], _ height: Int, _ width: Int) -> [[Float]] {
        images.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return [] }
            return (0..<(buffer.count / (height * width))).map {
                EnvironmentKey.statistics(base + $0 * height * width, height, width)
            }
        }
    }

    /// The key of a batch of images: the mean over them.
    ///
    /// - Precondition: at least one whole image.
    public func key(of images: [Float]) -> EnvironmentKey {
        let all = Self.statistics(images, height, width)
        precondition(!all.isEmpty, "a key is made of at least one image")
        return EnvironmentKey(
            values: (0..<EnvironmentKey.count).map { index in
                let mean = all.reduce(0) { $0 + $1[index] } / Float(all.count)
                return (mean - means[index]) * inverses[index]
            }
        )
    }
}
