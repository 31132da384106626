// SPDX-License-Identifier: Apache-2.0

/// An event of TensorBoard as bytes: the protocol buffer `tensorflow.Event` in the framing of a TFRecord.
///
///     record := length:u64le  masked_crc32c(length):u32le  event  masked_crc32c(event):u32le
///     Event   { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
///     Summary { repeated Value value = 1; }   Value { string tag = 1; float simple_value = 2; }
public struct EventRecord: Sendable, Hashable {
    /// The record's bytes.
    public let bytes: [UInt8]

    /// The first record of every file.
    ///
    /// - Parameter wallTime: seconds since 1970.
    public static func fileVersion(wallTime: Double) -> EventRecord {
        var event = Message()
        event.append(field: 1, wallTime)
        event.append(field: 3, Array("brain.Event:2".utf8))
        return EventRecord(event)
    }

    /// Values of one step.
    ///
    /// - Parameters:
    ///   - values: name and value of each curve; those that are not finite are kept, as TensorBoard shows them.
    ///   - step: the x coordinate, 0 or more.
    ///   - wallTime: seconds since 1970.
    public static func scalars(_ values: [(tag: String, value: Double)], step: Int, wallTime: Double) -> EventRecord {
        var summary = Message()
        for (tag, value) in values {
            var one = Message()
            one.append(field: 1, Array(tag.utf8))
            one.append(field: 2, Float(value))
            summary.append(field: 1, one.bytes)
        }
        var event = Message()
        event.append(field: 1, wallTime)
        event.append(field: 2, UInt64(step))
        event.append(field: 5, summary.bytes)
        return EventRecord(event)
    }

    private init(_ event: Message) {
        let length = Self.littleEndian(UInt64(event.bytes.count))
        bytes =
            length + Self.littleEndian(CRC32C.masked(length)) + event.bytes
            + Self.littleEndian(CRC32C.masked(event.bytes))
    }

    private static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    /// A protocol buffer under construction.
    private struct Message {
        var bytes: [UInt8] = []

        mutating func append(field: UInt64, _ value: Double) {
            appendVarint(field << 3 | 1)
            bytes += littleEndian(value.bitPattern)
        }

        mutating func append(field: UInt64, _ value: Float) {
            appendVarint(field << 3 | 5)
            bytes += littleEndian(value.bitPattern)
        }

        mutating func append(field: UInt64, _ value: UInt64) {
            appendVarint(field << 3)
            appendVarint(value)
        }

        mutating func append(field: UInt64, _ content: [UInt8]) {
            appendVarint(field << 3 | 2)
            appendVarint(UInt64(content.count))
            bytes += content
        }

        private mutating func appendVarint(_ value: UInt64) {
            var rest = value
            while rest >= 0x80 {
                bytes.append(UInt8(rest & 0x7F) | 0x80)
                rest >>= 7
            }
            bytes.append(UInt8(rest))
        }
    }
}
