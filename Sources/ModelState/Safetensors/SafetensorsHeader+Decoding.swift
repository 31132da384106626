// SPDX-License-Identifier: Apache-2.0

extension SafetensorsHeader {
    /// The length of the JSON, from the first 8 bytes of a file.
    ///
    /// - Parameters:
    ///   - bytes: the first 8 bytes.
    ///   - fileByteCount: the bytes of the whole file.
    /// - Throws: ``ModelStateError`` with code `malformedFile` for a length past the limit or the file's end.
    public static func jsonByteCount(
        _ bytes: UnsafeRawBufferPointer,
        fileByteCount: Int
    ) throws(ModelStateError) -> Int {
        guard bytes.count >= lengthByteCount, fileByteCount >= lengthByteCount else {
            throw ModelStateError(.malformedFile, "\(fileByteCount) bytes are too few for a safetensors file")
        }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length <= UInt64(maximumByteCount) else {
            throw ModelStateError(
                .malformedFile,
                "a safetensors header of \(length) bytes; at most \(maximumByteCount) are read"
            )
        }
        guard Int(length) <= fileByteCount - lengthByteCount else {
            throw ModelStateError(
                .malformedFile,
                "a safetensors header of \(length) bytes in a file of \(fileByteCount) bytes"
            )
        }
        return Int(length)
    }

    /// Reads the JSON of a header.
    ///
    /// The parser is strict: it refuses repeated names and keys, unknown keys, numbers that are no plain integers, text
    /// that is not UTF-8, and tensors that overlap, leave gaps or do not cover exactly the data that follows.
    /// - Parameters:
    ///   - json: the bytes between the length and the data.
    ///   - dataByteCount: the bytes behind the header.
    /// - Throws: ``ModelStateError`` with code `malformedFile` or `unsupportedType`; the message says what is wrong
    ///   where.
    public init(decoding json: UnsafeRawBufferPointer, dataByteCount: Int) throws(ModelStateError) {
        guard json.count <= Self.maximumByteCount else {
            throw ModelStateError(.malformedFile, "a safetensors header of \(json.count) bytes is too long")
        }
        var parser = SafetensorsHeaderParser(json)
        let (unsorted, metadata) = try parser.parse()
        let entries = unsorted.sorted {
            ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound)
        }
        var end = 0
        for entry in entries {
            let start = entry.bytes.lowerBound
            guard start == end else {
                let what =
                    start < end ? "overlaps the tensor before it" : "leaves a gap of \(start - end) bytes before it"
                throw ModelStateError(.malformedFile, "tensor '\(entry.name)' \(what)")
            }
            let (elementBytes, overflow) = entry.shape.elementCount
                .multipliedReportingOverflow(by: entry.type.byteCount)
            guard !overflow, entry.bytes.count == elementBytes else {
                throw ModelStateError(
                    .malformedFile,
                    "tensor '\(entry.name)' has \(entry.bytes.count) bytes; its shape and type need \(elementBytes)"
                )
            }
            end = entry.bytes.upperBound
        }
        guard end == dataByteCount else {
            throw ModelStateError(
                .malformedFile,
                "the tensors take \(end) bytes, but \(dataByteCount) follow the header; the file is cut or damaged"
            )
        }
        self.init(entries: entries, metadata: metadata)
    }
}
