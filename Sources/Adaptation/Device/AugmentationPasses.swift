// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// Several passes of the whole model over images that are moved and lit a little differently each time.
///
/// Each pass and image has a shift of up to ``maximumShift`` pixels in both directions (the border is repeated) and a
/// brightness factor in `1 - lighting ... 1 + lighting`. They cost as many inferences as there are passes;
/// ``LastLayerPasses`` are the cheap alternative.
public struct AugmentationPasses: Sendable, Hashable {
    /// The number of passes, 1 or more.
    public let passCount: Int
    /// The largest shift in pixels.
    public let maximumShift: Int
    /// The largest change of brightness, as a fraction.
    public let lighting: Float
    private let height: Int
    private let width: Int

    /// Creates passes over images of `height` x `width`; several channels follow each other.
    ///
    /// - Throws: ``AdaptationError`` with code `invalidParameter`.
    public init(passCount: Int, maximumShift: Int = 1, lighting: Float = 0.1, height: Int, width: Int) throws {
        guard passCount >= 1, height >= 1, width >= 1, (0..<min(height, width)).contains(maximumShift),
            (0..<1).contains(lighting)
        else {
            throw AdaptationError(
                .invalidParameter,
                "augmentation needs 1 or more passes (\(passCount)), shifts (\(maximumShift)) below the image's sides "
                    + "(\(height) x \(width)) and lighting (\(lighting)) from 0 up to 1"
            )
        }
        self.passCount = passCount
        self.maximumShift = maximumShift
        self.lighting = lighting
        self.height = height
        self.width = width
    }

    /// The logits of all passes: pass after pass, in each row after row.
    ///
    /// - Parameter answer: the model's logits of images.
    /// - Precondition: images of `imageSize` values that follow each other, whole planes of this height and width.
    public func logits(
        of images: [Float],
        imageSize: Int,
        seed: Seed,
        answer: ([Float]) throws -> [Float]
    ) rethrows -> [Float] {
        precondition(
            imageSize > 0 && images.count % imageSize == 0 && imageSize % (height * width) == 0,
            "passes are made of whole images"
        )
        var generator = SeededGenerator(seed: seed.deriving("augmentation-passes"))
        var result: [Float] = []
        for _ in 0..<passCount {
            var changed = [Float](repeating: 0, count: images.count)
            for start in stride(from: 0, to: images.count, by: imageSize) {
                let down = generator.below(2 * maximumShift + 1) - maximumShift
                let right = generator.below(2 * maximumShift + 1) - maximumShift
                let light = 1 + lighting * (2 * generator.uniformFloat() - 1)
                for plane in stride(from: start, to: start + imageSize, by: height * width) {
                    move(images, plane, down, right, light, into: &changed)
                }
            }
            result += try answer(changed)
        }
        return result
    }

    private func move(
        _ images: [Float],
        _ plane: Int,
        _ down: Int,
        _ right: Int,
        _ light: Float,
        into changed: inout [Float]
    ) {
        for row in 0..<height {
            let from = plane + min(max(row - down, 0), height - 1) * width
            for column in 0..<width {
                let source = min(max(column - right, 0), width - 1)
                changed[plane + row * width + column] = light * images[from + source]
            }
        }
    }
}
