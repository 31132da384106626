// SPDX-License-Identifier: Apache-2.0

/// The extents of a tensor, outermost first; no extents make a scalar of one element.
public struct TensorShape: Hashable, Sendable, Codable, ExpressibleByArrayLiteral, CustomStringConvertible {
    /// The most dimensions a tensor may have.
    public static let maximumRank = 8

    /// Extents, outermost first, each at least 0.
    public let dimensions: [Int]

    /// Creates a shape.
    ///
    /// - Precondition: at most ``maximumRank`` extents, none negative, and a product that fits in `Int`.
    public init(_ dimensions: [Int]) {
        precondition(Self.isValid(dimensions), "a shape needs at most 8 non-negative extents with a product below 2^62")
        self.dimensions = dimensions
    }

    /// Creates a shape from its extents.
    public init(arrayLiteral elements: Int...) {
        self.init(elements)
    }

    /// Creates a shape from numbers that come from outside; nil where they cannot be a shape.
    public init?(untrusted dimensions: [Int]) {
        guard Self.isValid(dimensions) else { return nil }
        self.dimensions = dimensions
    }

    private static func isValid(_ dimensions: [Int]) -> Bool {
        guard dimensions.count <= maximumRank else { return false }
        var product = 1
        for extent in dimensions {
            guard extent >= 0 else { return false }
            let (next, overflow) = product.multipliedReportingOverflow(by: max(extent, 1))
            guard !overflow, next < 1 << 62 else { return false }
            product = next
        }
        return true
    }

    /// The number of elements: the product of the extents.
    public var elementCount: Int {
        dimensions.reduce(1, *)
    }

    /// The shape as `[200, 784]`.
    public var description: String {
        "[\(dimensions.map(String.init).joined(separator: ", "))]"
    }

    /// Decodes the list of extents, refusing what cannot be a shape.
    public init(from decoder: any Decoder) throws {
        let dimensions = try decoder.singleValueContainer().decode([Int].self)
        guard Self.isValid(dimensions) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not a tensor shape")
            )
        }
        self.dimensions = dimensions
    }

    /// Encodes the list of extents.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(dimensions)
    }
}
