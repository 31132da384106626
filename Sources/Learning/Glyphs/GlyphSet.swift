// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// A procedural image set: 28 x 28 grey images of ten distorted characters, drawn from a seed, with nothing to
/// download.
///
/// Image `i` of a part depends only on the seed, the part and `i`, so a client can draw its own samples alone. Drawing
/// uses only operations that IEEE 754 defines exactly (no sine, no exponential): every machine draws the same bytes.
/// Classes are balanced: each run of ten images has one of each, in random order.
public struct GlyphSet: Sendable, Hashable {
    /// The halves of the set; their images are unrelated.
    public enum Part: String, Sendable, Hashable {
        /// To train on.
        case train
        /// To test on.
        case test
    }

    /// The height and width of an image in pixels.
    public static let side = 28
    /// The number of classes.
    public static let classCount = GlyphTemplate.all.count

    /// The seed of the set.
    public let seed: Seed

    /// Names the set that a seed draws.
    public init(seed: Seed) {
        self.seed = seed
    }

    /// The class of an image.
    public func label(_ part: Part, _ index: Int) -> Int32 {
        order(part, block: index / Self.classCount)[index % Self.classCount]
    }

    /// The classes of images 0 ..< count.
    public func labels(_ part: Part, count: Int) -> [Int32] {
        var labels: [Int32] = []
        labels.reserveCapacity(count + Self.classCount)
        for block in 0..<((count + Self.classCount - 1) / Self.classCount) {
            labels.append(contentsOf: order(part, block: block))
        }
        labels.removeLast(labels.count - count)
        return labels
    }

    private func order(_ part: Part, block: Int) -> [Int32] {
        var generator = SeededGenerator(seed: seed.deriving("glyph-labels", part.rawValue, UInt64(block)))
        return generator.permutation(Self.classCount).map { Int32($0) }
    }

    /// Draws the images with the given numbers.
    public func table<Indices: Collection>(_ part: Part, _ indices: Indices) -> SampleTable
    where Indices.Element == UInt32 {
        let pixels = Self.side * Self.side
        var labels: [Int32] = []
        labels.reserveCapacity(indices.count)
        var block = -1
        var order: [Int32] = []
        for index in indices.lazy.map({ Int($0) }) {
            if index / Self.classCount != block {
                block = index / Self.classCount
                order = self.order(part, block: block)
            }
            labels.append(order[index % Self.classCount])
        }
        let bytes = [UInt8](unsafeUninitializedCapacity: indices.count * pixels) { buffer, count in
            var renderer = GlyphRenderer()
            for (row, index) in indices.enumerated() {
                let image = UnsafeMutableBufferPointer(rebasing: buffer[(row * pixels)..<((row + 1) * pixels)])
                let glyph = seed.deriving("glyph", part.rawValue, UInt64(index))
                renderer.draw(GlyphTemplate.all[Int(labels[row])], seed: glyph, into: image)
            }
            count = indices.count * pixels
        }
        return SampleTable(bytes: bytes, shape: [Self.side, Self.side], labels: labels)
    }

    /// Draws images 0 ..< count of a part.
    public func table(_ part: Part, count: Int) -> SampleTable {
        table(part, 0..<UInt32(truncatingIfNeeded: count))
    }
}
