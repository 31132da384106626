// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// How a sample's pixels, 0 to 1, become bytes.
public enum SampleCoding: Sendable, Hashable, CustomStringConvertible {
    /// One byte a pixel: `round(255 x)`.
    case bytes
    /// Half a byte a pixel: `round(15 x)`, the first of two pixels in the low half.
    case nibbles
    /// A bottleneck: of each channel's two-dimensional cosine transform (orthonormal DCT-II; Ahmed, Natarajan and
    /// Rao 1974) the K x K lowest frequencies, each as a signed byte times a scale of the image.
    case frequencies(Int)

    /// The most frequencies of a side.
    public static let maximumFrequencies = 64

    /// Reads `uint8`, `uint4` or `dct:K`.
    ///
    /// - Throws: ``AdaptationError`` with code `invalidParameter`.
    public init(parsing text: String) throws {
        switch text {
        case "uint8": self = .bytes
        case "uint4": self = .nibbles
        default:
            guard text.hasPrefix("dct:"), let count = Int(text.dropFirst(4)),
                (1...Self.maximumFrequencies).contains(count)
            else {
                throw AdaptationError(
                    .invalidParameter,
                    "'\(text.prefix(64))' is no coding of samples; use uint8, uint4 or dct:K (K of 1 to "
                        + "\(Self.maximumFrequencies))"
                )
            }
            self = .frequencies(count)
        }
    }

    /// The coding's text; ``init(parsing:)`` reads it back.
    public var description: String {
        switch self {
        case .bytes: "uint8"
        case .nibbles: "uint4"
        case .frequencies(let count): "dct:\(count)"
        }
    }

    /// The number that stands for it in a batch.
    var code: UInt8 {
        switch self {
        case .bytes: 1
        case .nibbles: 2
        case .frequencies(let count): 0x80 | UInt8(clamping: count - 1)
        }
    }

    init?(code: UInt8) {
        switch code {
        case 1: self = .bytes
        case 2: self = .nibbles
        case 0x80...0xBF: self = .frequencies(Int(code & 0x3F) + 1)
        default: return nil
        }
    }

    /// The bytes of one sample.
    func byteCount(_ shape: SampleShape) -> Int {
        switch self {
        case .bytes: shape.count
        case .nibbles: (shape.count + 1) / 2
        case .frequencies(let count):
            4 + shape.channels * min(count, shape.height) * min(count, shape.width)
        }
    }

    /// Codes one sample; values outside 0 to 1, and such that are not finite, become the nearest that are inside.
    func encode(_ image: ArraySlice<Float>, _ shape: SampleShape) -> [UInt8] {
        switch self {
        case .bytes: return image.map { Self.level($0, 255) }
        case .nibbles:
            return stride(from: image.startIndex, to: image.endIndex, by: 2).map { first in
                let high = first + 1 < image.endIndex ? Self.level(image[first + 1], 15) : 0
                return Self.level(image[first], 15) | high << 4
            }
        case .frequencies(let count):
            let transform = CosineTransform(shape, count)
            let clean = image.map { $0.isFinite ? min(max($0, 0), 1) : 0 }
            let values = transform.forward(clean)
            let scale = (values.map(abs).max() ?? 0) / 127
            var bytes: [UInt8] = []
            bytes.append(littleEndian: scale.bitPattern)
            return bytes + values.map { UInt8(bitPattern: scale > 0 ? Int8(($0 / scale).rounded()) : 0) }
        }
    }

    /// Decodes one sample; nil for bytes of another number, or a scale that is not finite.
    func decode(_ bytes: ArraySlice<UInt8>, _ shape: SampleShape) -> [Float]? {
        guard bytes.count == byteCount(shape) else { return nil }
        switch self {
        case .bytes: return bytes.map { Float(1) / 255 * Float($0) }
        case .nibbles:
            let levels = bytes.flatMap { [$0 & 15, $0 >> 4] }
            return levels.prefix(shape.count).map { Float($0) / 15 }
        case .frequencies(let count):
            let word = bytes.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            let scale = Float(bitPattern: word)
            guard scale.isFinite, scale >= 0, scale <= 1e6 else { return nil }
            let values = bytes.dropFirst(4).map { scale * Float(Int8(bitPattern: $0)) }
            return CosineTransform(shape, count).inverse(values).map { min(max($0, 0), 1) }
        }
    }

    private static func level(_ value: Float, _ top: Float) -> UInt8 {
        let scaled = (value * top).rounded()
        return scaled >= top ? UInt8(top) : scaled > 0 ? UInt8(scaled) : 0
    }
}

/// The extents of a sample that is an image.
public struct SampleShape: Sendable, Hashable {
    /// The channels.
    public let channels: Int
    /// The rows.
    public let height: Int
    /// The columns.
    public let width: Int

    /// The values of a sample.
    public var count: Int { channels * height * width }

    /// Takes `[H, W]` or `[C, H, W]`.
    ///
    /// - Throws: ``AdaptationError`` with code `shapeMismatch` for other shapes.
    public init(_ shape: [Int]) throws {
        guard (2...3).contains(shape.count), shape.allSatisfy({ (1...1 << 14).contains($0) }),
            shape.reduce(1, *) <= PromptShape.maximumCount
        else {
            throw AdaptationError(.shapeMismatch, "samples of shape \(shape) are no images; only images are sent")
        }
        channels = shape.count == 3 ? shape[0] : 1
        height = shape[shape.count - 2]
        width = shape[shape.count - 1]
    }
}

/// The lowest frequencies of images' two-dimensional cosine transform:
///
///     X(u, v) = a(u) a(v) sum over y, x of  x(y, x) cos(pi (2y + 1) u / 2H) cos(pi (2x + 1) v / 2W)
///     a(0) = sqrt(1 / N),  a(k) = sqrt(2 / N)
struct CosineTransform {
    private let shape: SampleShape
    private let rows: [[Float]]
    private let columns: [[Float]]

    init(_ shape: SampleShape, _ count: Int) {
        self.shape = shape
        rows = Self.basis(min(count, shape.height), shape.height)
        columns = Self.basis(min(count, shape.width), shape.width)
    }

    private static func basis(_ count: Int, _ length: Int) -> [[Float]] {
        (0..<count).map { frequency in
            let scale = Glibc.sqrt((frequency == 0 ? 1 : 2) / Double(length))
            return (0..<length).map { position in
                let angle = Double.pi * Double((2 * position + 1) * frequency) / Double(2 * length)
                return Float(scale * Glibc.cos(angle))
            }
        }
    }

    func forward(_ image: [Float]) -> [Float] {
        (0..<shape.channels).flatMap { channel -> [Float] in
            let plane = channel * shape.height * shape.width
            // Along the rows first.
            let half = (0..<shape.height).map { row in
                columns.map { wave in
                    (0..<shape.width).reduce(Float(0)) { $0 + image[plane + row * shape.width + $1] * wave[$1] }
                }
            }
            return rows.flatMap { wave in
                columns.indices.map { column in
                    (0..<shape.height).reduce(Float(0)) { $0 + half[$1][column] * wave[$1] }
                }
            }
        }
    }

    func inverse(_ values: [Float]) -> [Float] {
        (0..<shape.channels).flatMap { channel -> [Float] in
            let plane = channel * rows.count * columns.count
            return (0..<shape.height).flatMap { row -> [Float] in
                let half = columns.indices.map { column in
                    rows.indices.reduce(Float(0)) {
                        $0 + values[plane + $1 * columns.count + column] * rows[$1][row]
                    }
                }
                return (0..<shape.width).map { column in
                    columns.indices.reduce(Float(0)) { $0 + half[$1] * columns[$1][column] }
                }
            }
        }
    }
}
