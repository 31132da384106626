// SPDX-License-Identifier: Apache-2.0

/// The bytes around a chunk's data: the one message whose payload is never copied.
///
///     length word | tag 3 | length | tag 1, transfer | tag 2, offset | tag 3, length | data ... |
///                 Frame.chunk      BlobChunk
enum ChunkFrame {
    /// What stands in a chunk's frame, with the place of the data in the frame.
    struct Fields: Equatable {
        var transfer: UInt64
        var offset: UInt64
        var data: Range<Int>
    }

    private static let chunkTag: UInt8 = 3 << 3 | 2
    private static let transferTag: UInt8 = 1 << 3 | 0
    private static let offsetTag: UInt8 = 2 << 3 | 0
    private static let dataTag: UInt8 = 3 << 3 | 2

    /// Reads a frame that holds a chunk in the usual order of fields, its data last; nil for any other bytes.
    static func parse(_ frame: UnsafeRawBufferPointer) -> Fields? {
        var position = 1
        guard frame.count > 1, frame[0] == chunkTag, let length = varint(frame, &position),
            length == UInt64(frame.count - position)
        else { return nil }
        var fields = Fields(transfer: 0, offset: 0, data: 0..<0)
        while position < frame.count {
            let tag = frame[position]
            position += 1
            guard let value = varint(frame, &position) else { return nil }
            switch tag {
            case transferTag: fields.transfer = value
            case offsetTag: fields.offset = value
            case dataTag:
                guard value == UInt64(frame.count - position) else { return nil }
                fields.data = position..<frame.count
                return fields
            default: return nil
            }
        }
        return nil
    }

    /// Appends everything of a chunk's frame but the data, the length word included.
    static func appendHeader(transfer: UInt64, offset: UInt64, dataBytes: Int, to output: inout [UInt8]) {
        let start = output.count
        output.append(contentsOf: [0, 0, 0, 0, chunkTag])
        let headerBytes =
            (transfer == 0 ? 0 : 1 + varintBytes(transfer)) + (offset == 0 ? 0 : 1 + varintBytes(offset))
            + 1 + varintBytes(UInt64(dataBytes))
        appendVarint(UInt64(headerBytes + dataBytes), to: &output)
        if transfer != 0 {
            output.append(transferTag)
            appendVarint(transfer, to: &output)
        }
        if offset != 0 {
            output.append(offsetTag)
            appendVarint(offset, to: &output)
        }
        output.append(dataTag)
        appendVarint(UInt64(dataBytes), to: &output)
        let frameBytes = UInt32(output.count - start - WireLimits.lengthBytes + dataBytes)
        for index in 0..<WireLimits.lengthBytes {
            output[start + index] = UInt8(truncatingIfNeeded: frameBytes >> (8 * UInt32(index)))
        }
    }

    /// Reads a number of at most 10 bytes, 7 bits in each, the lowest first; nil for bytes that are none.
    private static func varint(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < bytes.count, shift < 70 {
            let byte = bytes[position]
            position += 1
            // The tenth byte has one bit to give; protobuf drops what does not fit.
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }

    private static func varintBytes(_ value: UInt64) -> Int {
        max(1, (64 - value.leadingZeroBitCount + 6) / 7)
    }

    private static func appendVarint(_ value: UInt64, to output: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        output.append(UInt8(rest))
    }
}
