// SPDX-License-Identifier: Apache-2.0

/// An element type of the safetensors format.
public enum SafetensorsElementType: String, Sendable, Hashable, CaseIterable {
    /// Truth values, one byte each.
    case bool = "BOOL"
    /// 8-bit unsigned integers.
    case uint8 = "U8"
    /// 8-bit signed integers.
    case int8 = "I8"
    /// 8-bit floats with 5 exponent bits.
    case float8e5m2 = "F8_E5M2"
    /// 8-bit floats with 4 exponent bits.
    case float8e4m3 = "F8_E4M3"
    /// 16-bit signed integers.
    case int16 = "I16"
    /// 16-bit unsigned integers.
    case uint16 = "U16"
    /// IEEE 754 half precision.
    case float16 = "F16"
    /// The high half of a 32-bit float.
    case bfloat16 = "BF16"
    /// 32-bit signed integers.
    case int32 = "I32"
    /// 32-bit unsigned integers.
    case uint32 = "U32"
    /// IEEE 754 single precision.
    case float32 = "F32"
    /// IEEE 754 double precision.
    case float64 = "F64"
    /// 64-bit signed integers.
    case int64 = "I64"
    /// 64-bit unsigned integers.
    case uint64 = "U64"

    /// The bytes of one element.
    public var byteCount: Int {
        switch self {
        case .bool, .uint8, .int8, .float8e5m2, .float8e4m3: 1
        case .int16, .uint16, .float16, .bfloat16: 2
        case .int32, .uint32, .float32: 4
        case .float64, .int64, .uint64: 8
        }
    }

    /// Whether elements of this type can be read as 32-bit floats.
    ///
    /// Integers and doubles are rounded to the nearest float.
    public var isReadableAsFloat: Bool {
        switch self {
        case .float8e5m2, .float8e4m3: false
        default: true
        }
    }

    /// Converts as many elements as `output` has.
    ///
    /// - Precondition: the type is readable as float, and `bytes` holds exactly those elements, little-endian.
    func convert(_ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableBufferPointer<Float>) {
        precondition(bytes.count == output.count * byteCount, "the bytes are not those of the elements asked for")
        switch self {
        case .float32: UnsafeMutableRawBufferPointer(output).copyMemory(from: bytes)
        case .bool, .uint8: convert(bytes, output, UInt8.self) { Float($0) }
        case .int8: convert(bytes, output, Int8.self) { Float($0) }
        case .int16: convert(bytes, output, Int16.self) { Float($0) }
        case .uint16: convert(bytes, output, UInt16.self) { Float($0) }
        case .float16: convert(bytes, output, UInt16.self) { Float(Float16(bitPattern: $0)) }
        case .bfloat16: convert(bytes, output, UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
        case .int32: convert(bytes, output, Int32.self) { Float($0) }
        case .uint32: convert(bytes, output, UInt32.self) { Float($0) }
        case .float64: convert(bytes, output, Double.self) { Float($0) }
        case .int64: convert(bytes, output, Int64.self) { Float($0) }
        case .uint64: convert(bytes, output, UInt64.self) { Float($0) }
        case .float8e5m2, .float8e4m3: preconditionFailure("8-bit floats cannot be read")
        }
    }

    @inline(__always)
    private func convert<Element: BitwiseCopyable>(
        _ bytes: UnsafeRawBufferPointer,
        _ output: UnsafeMutableBufferPointer<Float>,
        _: Element.Type,
        _ body: (Element) -> Float
    ) {
        for index in 0..<output.count {
            let element = bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Element>.stride, as: Element.self)
            output[index] = body(element)
        }
    }
}
