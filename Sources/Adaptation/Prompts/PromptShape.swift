// SPDX-License-Identifier: Apache-2.0

/// The pixels of an image that a visual prompt changes.
public struct PromptShape: Sendable, Hashable {
    /// Where the pixels lie, in every channel.
    public enum Region: Sendable, Hashable, CustomStringConvertible {
        /// The whole image.
        case full
        /// A border of so many pixels.
        case frame(Int)
        /// A rectangle.
        case patch(top: Int, left: Int, height: Int, width: Int)

        /// Reads `full`, `frame:4` or `patch:2:3:10:12` (top, left, height, width).
        ///
        /// - Throws: ``AdaptationError`` with code `invalidParameter`.
        public init(parsing text: String) throws {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            let numbers = parts.dropFirst().compactMap { Int($0) }
            switch (parts.first, parts.count, numbers.count) {
            case ("full", 1, 0): self = .full
            case ("frame", 2, 1): self = .frame(numbers[0])
            case ("patch", 5, 4):
                self = .patch(top: numbers[0], left: numbers[1], height: numbers[2], width: numbers[3])
            default:
                throw AdaptationError(
                    .invalidParameter,
                    "'\(text.prefix(64))' is no prompt; use full, frame:PIXELS or patch:TOP:LEFT:HEIGHT:WIDTH"
                )
            }
        }

        /// The region's text; ``init(parsing:)`` reads it back.
        public var description: String {
            switch self {
            case .full: "full"
            case .frame(let pixels): "frame:\(pixels)"
            case .patch(let top, let left, let height, let width): "patch:\(top):\(left):\(height):\(width)"
            }
        }
    }

    /// The most values of a prompt.
    public static let maximumCount = 1 << 20

    /// The image's channels.
    public let channels: Int
    /// The image's rows.
    public let height: Int
    /// The image's columns.
    public let width: Int
    /// The part of the image.
    public let region: Region
    /// The prompt's pixels among the image's C x H x W values, ascending.
    public let positions: [Int]

    /// The number of values.
    public var count: Int { positions.count }
    /// The number of values of an image.
    public var imageCount: Int { channels * height * width }

    /// Creates a shape.
    ///
    /// - Throws: ``AdaptationError`` with code `invalidParameter` for an empty region or one outside the image.
    public init(channels: Int = 1, height: Int, width: Int, region: Region) throws {
        let limit = 1 << 14
        guard [channels, height, width].allSatisfy({ (1...limit).contains($0) }),
            channels * height * width <= Self.maximumCount
        else {
            throw AdaptationError(
                .invalidParameter,
                "images of \(channels) x \(height) x \(width) take no prompt; at most \(Self.maximumCount) values"
            )
        }
        guard Self.fits(region, height, width) else {
            throw AdaptationError(.invalidParameter, "a prompt \(region) does not fit an image of \(height) x \(width)")
        }
        self.channels = channels
        self.height = height
        self.width = width
        self.region = region
        positions = (0..<(channels * height * width)).filter {
            Self.contains(region, row: $0 / width % height, column: $0 % width, height, width)
        }
    }

    /// Creates the shape for samples of `[H, W]` or `[C, H, W]`.
    ///
    /// - Throws: ``AdaptationError`` with code `shapeMismatch` for other samples, `invalidParameter`.
    public init(sample: [Int], region: Region) throws {
        guard (2...3).contains(sample.count) else {
            throw AdaptationError(.shapeMismatch, "samples of shape \(sample) are no images; prompts are for images")
        }
        try self.init(
            channels: sample.count == 3 ? sample[0] : 1,
            height: sample[sample.count - 2],
            width: sample[sample.count - 1],
            region: region
        )
    }

    private static func fits(_ region: Region, _ height: Int, _ width: Int) -> Bool {
        switch region {
        case .full: true
        case .frame(let pixels): pixels >= 1 && pixels <= min(height, width)
        case .patch(let top, let left, let rows, let columns):
            top >= 0 && left >= 0 && rows >= 1 && columns >= 1 && top < height && left < width
                && rows <= height - top && columns <= width - left
        }
    }

    private static func contains(_ region: Region, row: Int, column: Int, _ height: Int, _ width: Int) -> Bool {
        switch region {
        case .full: true
        case .frame(let pixels): min(row, column, height - 1 - row, width - 1 - column) < pixels
        case .patch(let top, let left, let rows, let columns):
            row >= top && row < top + rows && column >= left && column < left + columns
        }
    }
}
