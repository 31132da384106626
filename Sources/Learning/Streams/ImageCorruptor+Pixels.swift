// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Randomness

/// Corruptions that treat each pixel by itself.
extension ImageCorruptor {
    func addNormalNoise(
        _ pixels: UnsafeMutablePointer<Float>,
        _ deviation: Float,
        _ generator: inout SeededGenerator
    ) {
        for index in 0..<pixelCount { pixels[index] += deviation * Float(generator.normal()) }
    }

    /// Replaces a value v by k / photons with k of the Poisson distribution of mean v photons.
    func countPhotons(_ pixels: UnsafeMutablePointer<Float>, _ photons: Float, _ generator: inout SeededGenerator) {
        for index in 0..<pixelCount {
            // A product of uniform numbers falls below exp(-mean) after as many factors as a Poisson process has
            // events.
            let limit = Glibc.exp(-Double(pixels[index] * photons))
            var product = generator.uniform()
            var count: Float = 0
            while product > limit {
                product *= generator.uniform()
                count += 1
            }
            pixels[index] = count / photons
        }
    }

    func addImpulses(_ pixels: UnsafeMutablePointer<Float>, _ share: Float, _ generator: inout SeededGenerator) {
        for index in 0..<pixelCount {
            let draw = generator.uniformFloat()
            if draw < share { pixels[index] = draw < share / 2 ? 0 : 1 }
        }
    }

    func brighten(_ pixels: UnsafeMutablePointer<Float>, _ amount: Float) {
        for index in 0..<pixelCount { pixels[index] += amount }
    }

    func flatten(_ pixels: UnsafeMutablePointer<Float>, _ factor: Float) {
        var sum: Float = 0
        for index in 0..<pixelCount { sum += pixels[index] }
        let mean = sum / Float(pixelCount)
        for index in 0..<pixelCount { pixels[index] = mean + factor * (pixels[index] - mean) }
    }

    /// Covers a rectangle of the given side, relative to the image's, with one value.
    func occlude(_ pixels: UnsafeMutablePointer<Float>, _ side: Float, _ generator: inout SeededGenerator) {
        let rows = min(max(Int((side * Float(height)).rounded()), 1), height)
        let columns = min(max(Int((side * Float(width)).rounded()), 1), width)
        let top = generator.below(height - rows + 1)
        let left = generator.below(width - columns + 1)
        for row in top..<(top + rows) {
            (pixels + (row * width + left)).update(repeating: 0.5, count: columns)
        }
    }

    // MARK: - Fog

    /// Mixes in a plasma p of 0 to 1: `(v + weight p) max / (max + weight)`, which keeps the brightest value's level.
    func addFog(_ pixels: UnsafeMutablePointer<Float>, _ weight: Float, _ generator: inout SeededGenerator) {
        let side = makePlasma(&generator)
        var brightest: Float = 0
        for index in 0..<pixelCount { brightest = max(brightest, pixels[index]) }
        brightest = max(brightest, 0.5)
        let factor = brightest / (brightest + weight)
        for row in 0..<height {
            for column in 0..<width {
                let index = row * width + column
                pixels[index] = (pixels[index] + weight * plasma[row * side + column]) * factor
            }
        }
    }

    /// Fills ``plasma`` with a square of midpoint displacement, scaled to 0 to 1, that wraps around at its edges; the
    /// side is the power of two that covers the image.
    private func makePlasma(_ generator: inout SeededGenerator) -> Int {
        var side = 2
        while side < max(height, width) { side *= 2 }
        if plasma.count != side * side { plasma = [Float](repeating: 0, count: side * side) }
        plasma[0] = 0
        plasma.withUnsafeMutableBufferPointer { plasma in
            var step = side
            var wobble: Float = 1
            while step > 1 {
                let half = step / 2
                for row in stride(from: 0, to: side, by: step) {
                    for column in stride(from: 0, to: side, by: step) {
                        // The square's middle from its corners, the middles of its upper and left edge from their ends.
                        let (below, right) = ((row + step) % side, (column + step) % side)
                        let corner = plasma[row * side + column]
                        let (east, south) = (plasma[row * side + right], plasma[below * side + column])
                        let middle = (corner + east + south + plasma[below * side + right]) / 4
                        plasma[(row + half) * side + column + half] = middle + Self.shift(wobble, &generator)
                        plasma[row * side + column + half] = (corner + east) / 2 + Self.shift(wobble, &generator)
                        plasma[(row + half) * side + column] = (corner + south) / 2 + Self.shift(wobble, &generator)
                    }
                }
                step = half
                wobble *= 0.55
            }
            var (low, high) = (plasma[0], plasma[0])
            for value in plasma {
                low = min(low, value)
                high = max(high, value)
            }
            let factor = high > low ? 1 / (high - low) : 0
            for index in plasma.indices { plasma[index] = (plasma[index] - low) * factor }
        }
        return side
    }

    private static func shift(_ wobble: Float, _ generator: inout SeededGenerator) -> Float {
        wobble * (2 * generator.uniformFloat() - 1)
    }
}
