// SPDX-License-Identifier: Apache-2.0

/// An array from a `.npy` file (format versions 1 to 3), in C order.
struct NumPyArray {
    /// Unsigned bytes are kept as they are; other types become floats or, for labels, are converted on the way.
    enum Values {
        case bytes([UInt8])
        case floats([Float])
    }

    private enum ElementType: String {
        case uint8 = "|u1"
        case int32 = "<i4"
        case int64 = "<i8"
        case float32 = "<f4"
        case float64 = "<f8"

        var width: Int {
            switch self {
            case .uint8: 1
            case .int32, .float32: 4
            case .int64, .float64: 8
            }
        }
    }

    let shape: [Int]
    let values: Values

    /// Reads an array.
    ///
    /// - Throws: ``LearningError``: `malformedFile`, `unsupportedType`, `tooLarge`.
    init(_ stream: ByteStream) throws {
        let name = stream.name
        guard stream.limit >= 12 else { throw LearningError(.malformedFile, "\(name) is too short for a NumPy array") }
        let magic = try stream.read(8)
        guard magic.starts(with: [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]), (1...3).contains(magic[6]) else {
            throw LearningError(.malformedFile, "\(name) is not a NumPy array; save it with numpy.savez")
        }
        let headerLength = try stream.read(magic[6] == 1 ? 2 : 4).reversed().reduce(0) { $0 << 8 | Int($1) }
        guard headerLength <= 65_536, headerLength <= stream.limit else {
            throw LearningError(
                .malformedFile,
                "\(name) has a header of \(headerLength) bytes; save it with numpy.savez"
            )
        }
        let header = String(decoding: try stream.read(headerLength), as: UTF8.self)
        let (type, shape) = try Self.parse(header, name: name)
        var count = 1
        for extent in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflow, product <= stream.limit / type.width else {
                throw LearningError(.tooLarge, "\(name) claims the shape \(shape), more than its size justifies")
            }
            count = product
        }
        self.shape = shape
        if type == .uint8 {
            values = .bytes(try stream.read(count))
        } else {
            values = .floats(try Self.readFloats(stream, count: count, type: type))
        }
        try stream.expectEnd()
    }

    private static func readFloats(_ stream: ByteStream, count: Int, type: ElementType) throws -> [Float] {
        var floats = type == .float32 ? try stream.readFloats(count) : []
        var left = count - floats.count
        while left > 0 {
            let part = min(left, 65_536)
            let bytes = try stream.read(part * type.width)
            floats.reserveCapacity(min(count, floats.count + max(part, floats.count)))
            bytes.withUnsafeBytes { raw in
                for index in 0..<part {
                    let offset = index * type.width
                    switch type {
                    case .uint8: floats.append(Float(raw[offset]))
                    case .int32:
                        floats.append(
                            Float(Int32(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: Int32.self)))
                        )
                    case .int64:
                        floats.append(
                            Float(Int64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: Int64.self)))
                        )
                    case .float32: preconditionFailure("floats are read as they are")
                    case .float64:
                        let bits = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                        floats.append(Float(Double(bitPattern: bits)))
                    }
                }
            }
            left -= part
        }
        guard floats.withUnsafeBufferPointer({ $0.isFinite }) else {
            throw LearningError(
                .malformedFile,
                "\(stream.name) has values that are not finite; replace them before saving"
            )
        }
        return floats
    }

    /// Reads the header, a Python dictionary: `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 28), }`.
    private static func parse(_ header: String, name: String) throws -> (ElementType, [Int]) {
        func value(_ key: String) -> Substring? {
            guard let key = header.firstRange(of: "'\(key)':") else { return nil }
            return header[key.upperBound...].drop { $0 == " " }
        }
        guard let descriptor = value("descr"), let order = value("fortran_order"), let shape = value("shape"),
            shape.first == "(", let close = shape.firstIndex(of: ")"), descriptor.first == "'"
        else {
            throw LearningError(.malformedFile, "\(name) has a header that is not NumPy's; save it with numpy.savez")
        }
        let typeName = String(descriptor.dropFirst().prefix { $0 != "'" })
        guard let type = ElementType(rawValue: typeName) else {
            throw LearningError(
                .unsupportedType,
                "\(name) has elements of type \(typeName.prefix(16)); read are |u1, <i4, <i8, <f4, <f8"
            )
        }
        guard order.hasPrefix("False") else {
            throw LearningError(.unsupportedType, "\(name) is in Fortran order; save numpy.ascontiguousarray(array)")
        }
        let extents = shape[..<close].dropFirst().split(separator: ",").map { $0.filter { $0 != " " } }.filter {
            !$0.isEmpty
        }
        let numbers = extents.compactMap { Int($0) }
        guard numbers.count == extents.count, numbers.count <= 8 else {
            throw LearningError(.malformedFile, "\(name) has a shape that is not one; save it with numpy.savez")
        }
        return (type, numbers)
    }
}
