// SPDX-License-Identifier: Apache-2.0

/// The bytes of an update: little-endian, a header of 29 bytes, then the values.
///
///     "TAU1"  environment u32  version u32  height, width, channels u16  region u8  its numbers 4 x u16
///     delta count u16  prompt scale f32 and one signed byte a value  delta: the upper half of each float
///
/// A prompt's value is its byte times the scale, the largest magnitude over 127. Without a prompt the region is 0 and
/// there is no scale. A delta keeps 8 significant bits of each value.
extension AdaptationUpdate {
    private static let magic: [UInt8] = [0x54, 0x41, 0x55, 0x31]

    /// The update's bytes.
    ///
    /// - Throws: ``AdaptationError``: `notFinite`, `invalidParameter` where they are more than ``maximumBytes``.
    public func encoded() throws -> [UInt8] {
        guard state.isFinite else {
            throw AdaptationError(.notFinite, "an update with a value that is not finite is not sent")
        }
        var bytes = Self.magic
        bytes.append(littleEndian: environment)
        bytes.append(littleEndian: version)
        let shape = state.prompt?.shape
        for extent in [shape?.height ?? 0, shape?.width ?? 0, shape?.channels ?? 0] {
            bytes.append(littleEndian: UInt16(clamping: extent))
        }
        let (kind, numbers) = Self.code(shape?.region)
        bytes.append(kind)
        for number in numbers { bytes.append(littleEndian: UInt16(clamping: number)) }
        bytes.append(littleEndian: UInt16(clamping: state.delta.count))
        if let prompt = state.prompt {
            let scale = (prompt.values.map(abs).max() ?? 0) / 127
            bytes.append(littleEndian: scale.bitPattern)
            for value in prompt.values {
                bytes.append(UInt8(bitPattern: scale > 0 ? Int8((value / scale).rounded()) : 0))
            }
        }
        for value in state.delta { bytes.append(littleEndian: Self.upperHalf(value)) }
        guard bytes.count <= Self.maximumBytes else {
            throw AdaptationError(
                .invalidParameter,
                "an update of \(bytes.count) bytes is larger than \(Self.maximumBytes); use a frame or patch as prompt "
                    + "or fewer parts of the delta"
            )
        }
        return bytes
    }

    /// Reads an update; total: any bytes give an update of the expected shape or an error.
    ///
    /// - Parameters:
    ///   - shape: the prompt that the device expects; nil for none.
    ///   - layout: the delta that it expects.
    /// - Throws: ``AdaptationError``: `malformedUpdate`, `shapeMismatch` for a prompt or delta of another shape,
    ///   `notFinite`.
    public init(decoding bytes: [UInt8], shape: PromptShape?, layout: DeltaLayout) throws {
        guard bytes.count <= Self.maximumBytes else {
            throw AdaptationError(.malformedUpdate, "\(bytes.count) bytes are no update; they are too many")
        }
        var reader = ByteReader(bytes)
        guard try reader.take(4).elementsEqual(Self.magic) else {
            throw AdaptationError(.malformedUpdate, "the bytes are no update of a known format")
        }
        environment = try reader.integer()
        version = try reader.integer()
        let extents = try (0..<3).map { _ in Int(try reader.integer() as UInt16) }
        let kind = try reader.integer() as UInt8
        let numbers = try (0..<4).map { _ in Int(try reader.integer() as UInt16) }
        let (expectedKind, expectedNumbers) = Self.code(shape?.region)
        let expected = [shape?.height ?? 0, shape?.width ?? 0, shape?.channels ?? 0]
        guard extents == expected, kind == expectedKind, numbers == expectedNumbers else {
            throw AdaptationError(
                .shapeMismatch,
                "the update's prompt (region \(kind) of \(extents)) is not the one that this device applies"
            )
        }
        let deltaCount = Int(try reader.integer() as UInt16)
        guard deltaCount == layout.count else {
            throw AdaptationError(.shapeMismatch, "the update's delta has \(deltaCount) values, not \(layout.count)")
        }
        let prompt = try shape.map { shape in
            let scale = Float(bitPattern: try reader.integer())
            let values = try reader.take(shape.count).map { scale * Float(Int8(bitPattern: $0)) }
            return try VisualPrompt(shape, values: values)
        }
        let delta = try (0..<deltaCount).map { _ in
            Float(bitPattern: UInt32(try reader.integer() as UInt16) << 16)
        }
        try reader.expectEnd()
        state = AdaptationState(prompt: prompt, delta: delta)
        guard state.isFinite else {
            throw AdaptationError(.notFinite, "the update holds a value that is not finite")
        }
    }

    private static func code(_ region: PromptShape.Region?) -> (kind: UInt8, numbers: [Int]) {
        switch region {
        case nil: (0, [0, 0, 0, 0])
        case .full: (1, [0, 0, 0, 0])
        case .frame(let pixels): (2, [pixels, 0, 0, 0])
        case .patch(let top, let left, let height, let width): (3, [top, left, height, width])
        }
    }

    /// The upper 16 bits of a float, rounded to nearest; the largest floats do not become infinite.
    static func upperHalf(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        let rounded = (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16
        return UInt16(truncatingIfNeeded: rounded & 0x7F80 == 0x7F80 ? bits >> 16 : rounded)
    }
}

extension [UInt8] {
    mutating func append(littleEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}

/// Reads numbers from bytes and never beyond them.
struct ByteReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
        guard rest.count >= count else {
            throw AdaptationError(.malformedUpdate, "the update ends \(count - rest.count) bytes too early")
        }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func integer<Value: FixedWidthInteger>() throws -> Value {
        try take(Value.bitWidth / 8).reversed().reduce(0) { $0 << 8 | Value(truncatingIfNeeded: $1) }
    }

    func expectEnd() throws {
        guard rest.isEmpty else {
            throw AdaptationError(.malformedUpdate, "\(rest.count) bytes follow the update's end")
        }
    }
}
