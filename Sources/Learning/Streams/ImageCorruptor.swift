// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// Applies corruptions to grey images of one size; keeps its buffers from image to image.
///
/// Values lie in 0 to 1 before and after; what is outside, or no number, is brought to the nearest end or to 0. The
/// same image, corruption, strength and seed give the same result. One object belongs to one thread.
public final class ImageCorruptor {
    /// The rows of an image.
    public let height: Int
    /// The columns of an image.
    public let width: Int
    var scratch: [Float]
    var plasma: [Float] = []
    /// What a corruption calls a pixel, in pixels: strengths are given for images 28 wide.
    let scale: Float

    /// Prepares for images of `height` x `width`.
    ///
    /// - Throws: ``LearningError`` with code `shapeMismatch` for no pixels or more than 2^24.
    public init(height: Int, width: Int) throws {
        let (count, overflows) = height.multipliedReportingOverflow(by: width)
        guard height > 0, width > 0, !overflows, count <= 1 << 24 else {
            throw LearningError(.shapeMismatch, "images of \(height) x \(width) pixels cannot be corrupted")
        }
        self.height = height
        self.width = width
        scratch = [Float](repeating: 0, count: 2 * count)
        scale = Float(min(height, width)) / 28
    }

    /// Prepares for samples of a table: `[H, W]`, `[H, W, 1]` or `[1, H, W]`.
    ///
    /// - Throws: ``LearningError`` with code `shapeMismatch` for any other shape.
    public convenience init(shape: [Int]) throws {
        switch shape.count {
        case 2: try self.init(height: shape[0], width: shape[1])
        case 3 where shape[2] == 1: try self.init(height: shape[0], width: shape[1])
        case 3 where shape[0] == 1: try self.init(height: shape[1], width: shape[2])
        default: throw LearningError(.shapeMismatch, "samples of shape \(shape) are not grey images of one channel")
        }
    }

    /// The pixels of an image.
    public var pixelCount: Int { height * width }

    /// Corrupts an image in place.
    ///
    /// - Precondition: as many values as pixels; a strength of 1 to 5.
    public func apply(
        _ corruption: ImageCorruption,
        strength: Int,
        to image: UnsafeMutableBufferPointer<Float>,
        seed: Seed
    ) {
        precondition(image.count == pixelCount, "an image has the size that the corruptor was made for")
        precondition(ImageCorruption.strengths.contains(strength), "strengths are 1 to 5")
        guard let pixels = image.baseAddress else { return }
        clamp(pixels)
        var generator = SeededGenerator(seed: seed)
        let amount = corruption.amount(strength)
        scratch.withUnsafeMutableBufferPointer { scratch in
            let other = scratch.baseAddress!  // there is at least one pixel
            switch corruption {
            case .gaussianNoise: addNormalNoise(pixels, amount, &generator)
            case .shotNoise: countPhotons(pixels, amount, &generator)
            case .impulseNoise: addImpulses(pixels, amount, &generator)
            case .gaussianBlur: blur(pixels, other, deviation: amount * scale)
            case .motionBlur: blurAlongLine(pixels, other, length: amount * scale, &generator)
            case .brightness: brighten(pixels, amount)
            case .contrast: flatten(pixels, amount)
            case .fog: addFog(pixels, amount, &generator)
            case .pixelate: pixelate(pixels, other, side: amount * scale)
            case .jpeg: quantizeBlocks(pixels, quality: amount)
            case .rotation: rotate(pixels, other, degrees: amount)
            case .elastic: displace(pixels, other, by: amount * scale, &generator)
            case .occlusion: occlude(pixels, amount, &generator)
            }
        }
        clamp(pixels)
    }

    /// Corrupts an image of values 0 to 1.
    ///
    /// - Precondition: as many values as pixels; a strength of 1 to 5.
    public func corrupted(_ image: [Float], by corruption: ImageCorruption, strength: Int, seed: Seed) -> [Float] {
        var copy = image
        copy.withUnsafeMutableBufferPointer { apply(corruption, strength: strength, to: $0, seed: seed) }
        return copy
    }

    /// Corrupts an image of bytes, each of which stands for its value divided by 255; results are rounded.
    ///
    /// - Precondition: as many values as pixels; a strength of 1 to 5.
    public func corrupted(_ image: [UInt8], by corruption: ImageCorruption, strength: Int, seed: Seed) -> [UInt8] {
        let values = corrupted(image.map { Float($0) / 255 }, by: corruption, strength: strength, seed: seed)
        return values.map(Self.byte)
    }

    /// The byte that stands for a value of 0 to 1.
    static func byte(_ value: Float) -> UInt8 { UInt8((value * 255).rounded()) }

    private func clamp(_ pixels: UnsafeMutablePointer<Float>) {
        for index in 0..<pixelCount {
            let value = pixels[index]
            // Comparisons with NaN are false: it becomes 0.
            pixels[index] = value > 0 ? (value < 1 ? value : 1) : 0
        }
    }
}
