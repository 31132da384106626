// SPDX-License-Identifier: Apache-2.0

/// Values that are added to the pixels of every image before the model sees it: `x + prompt`.
///
/// After "Decorate the Newcomers" and U-VPA (Gan and others 2023): the mechanism, not their numbers.
public struct VisualPrompt: Sendable, Hashable {
    /// The pixels.
    public let shape: PromptShape
    /// One value for each of the shape's positions.
    public var values: [Float]

    /// Creates a prompt that changes nothing.
    public init(_ shape: PromptShape) {
        self.shape = shape
        values = [Float](repeating: 0, count: shape.count)
    }

    /// Creates a prompt.
    ///
    /// - Throws: ``AdaptationError``: `shapeMismatch` for another number of values, `notFinite`.
    public init(_ shape: PromptShape, values: [Float]) throws {
        guard values.count == shape.count else {
            throw AdaptationError(
                .shapeMismatch,
                "\(values.count) values are no prompt \(shape.region) of \(shape.count)"
            )
        }
        guard values.allSatisfy(\.isFinite) else {
            throw AdaptationError(.notFinite, "a prompt holds a value that is not finite")
        }
        self.shape = shape
        self.values = values
    }

    /// Adds the prompt to images that follow each other without gaps.
    ///
    /// - Precondition: whole images of the shape's size.
    public func add(to images: inout [Float]) {
        precondition(images.count % shape.imageCount == 0, "a prompt is added to whole images")
        for start in stride(from: 0, to: images.count, by: shape.imageCount) {
            for (value, position) in zip(values, shape.positions) { images[start + position] += value }
        }
    }

    /// The loss's gradient with respect to the prompt: the weighted sum of the images' gradients at its positions.
    ///
    /// - Precondition: one weight for each image.
    public static func gradient(_ shape: PromptShape, of images: [Float], weights: [Float]) -> [Float] {
        precondition(images.count == weights.count * shape.imageCount, "each image has one weight")
        var result = [Float](repeating: 0, count: shape.count)
        for (row, weight) in weights.enumerated() where weight != 0 {
            let start = row * shape.imageCount
            for (index, position) in shape.positions.enumerated() { result[index] += weight * images[start + position] }
        }
        return result
    }
}
