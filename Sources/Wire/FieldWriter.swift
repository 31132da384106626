// SPDX-License-Identifier: Apache-2.0
internal import CProtobufC
internal import Rounds

/// Turns Swift values into fields of messages that are to be packed, in memory of an arena.
///
/// It refuses what ``FieldReader`` refuses, so that no peer is sent what it must refuse. Lines for a person are cut
/// instead: a long message must not cost a connection.
struct FieldWriter {
    let arena: MessageArena

    /// Memory for one value of a C type.
    private func take(_ count: Int) throws(WireError) -> UnsafeMutableRawPointer {
        guard let bytes = arena.take(count) else {
            throw WireError(.limitExceeded, "the message needs more than \(Limits.unpackedBytes) bytes of memory")
        }
        return bytes
    }

    /// A message with nothing set.
    func make<Message>(
        _ initialize: (UnsafeMutablePointer<Message>?) -> Void
    ) throws(WireError) -> UnsafeMutablePointer<Message> {
        let message = try take(MemoryLayout<Message>.size).bindMemory(to: Message.self, capacity: 1)
        initialize(message)
        return message
    }

    /// A text that has a meaning to the peer.
    func text(
        _ text: String,
        _ field: StaticString,
        limit: Int = Limits.textBytes
    ) throws(WireError) -> ProtobufCBinaryData {
        let count = text.utf8.count
        guard count <= limit else {
            throw WireError(.limitExceeded, "\(field) has \(count) bytes, the limit is \(limit)")
        }
        guard !text.utf8.contains(0) else {
            throw WireError(.invalidField, "\(field) has the character U+0000")
        }
        return try bytes(text, count: count)
    }

    /// A line for a person: cut to the limit, without U+0000.
    func remark(_ text: String) throws(WireError) -> ProtobufCBinaryData {
        if text.utf8.count <= Limits.textBytes, !text.utf8.contains(0) {
            return try bytes(text, count: text.utf8.count)
        }
        var kept = String.UnicodeScalarView()
        var count = 0
        for scalar in text.unicodeScalars where scalar != "\0" {
            count += UTF8.width(scalar)
            guard count <= Limits.textBytes else { break }
            kept.append(scalar)
        }
        return try bytes(String(kept), count: String(kept).utf8.count)
    }

    private func bytes(_ text: String, count: Int) throws(WireError) -> ProtobufCBinaryData {
        guard count > 0 else { return ProtobufCBinaryData() }
        let base = try take(count).bindMemory(to: UInt8.self, capacity: count)
        _ = UnsafeMutableBufferPointer(start: base, count: count).update(from: text.utf8)
        return ProtobufCBinaryData(len: count, data: base)
    }

    /// A digest of 16 bytes, the high half first, big endian.
    func digest(_ digest: BlobDigest) throws(WireError) -> ProtobufCBinaryData {
        let base = try take(BlobDigest.byteCount)
        base.storeBytes(of: digest.high.bigEndian, as: UInt64.self)
        base.storeBytes(of: digest.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        return ProtobufCBinaryData(
            len: BlobDigest.byteCount,
            data: base.bindMemory(to: UInt8.self, capacity: BlobDigest.byteCount)
        )
    }

    /// Plain bytes.
    func data(_ data: [UInt8], _ field: StaticString, limit: Int) throws(WireError) -> ProtobufCBinaryData {
        guard data.count <= limit else {
            throw WireError(.limitExceeded, "\(field) has \(data.count) bytes, the limit is \(limit)")
        }
        guard !data.isEmpty else { return ProtobufCBinaryData() }
        let base = try take(data.count).bindMemory(to: UInt8.self, capacity: data.count)
        _ = UnsafeMutableBufferPointer(start: base, count: data.count).update(from: data)
        return ProtobufCBinaryData(len: data.count, data: base)
    }

    /// A size, an offset or an extent.
    func size(_ value: Int, _ field: StaticString, limit: Int) throws(WireError) -> UInt64 {
        guard value >= 0, value <= limit else {
            throw WireError(.invalidField, "\(field) is \(value), it must be between 0 and \(limit)")
        }
        return UInt64(value)
    }

    /// A list of sizes.
    func sizes(
        _ values: [Int],
        _ field: StaticString,
        limit: Int,
        countLimit: Int
    ) throws(WireError) -> UnsafeMutablePointer<UInt64>? {
        try FieldReader.checkCount(values.count, field, limit: countLimit)
        guard !values.isEmpty else { return nil }
        let base = try take(values.count * MemoryLayout<UInt64>.stride).bindMemory(
            to: UInt64.self,
            capacity: values.count
        )
        for (index, value) in values.enumerated() { base[index] = try size(value, field, limit: limit) }
        return base
    }

    /// A duration in whole microseconds, rounded down; negative ones are 0 and endless ones the longest.
    func microseconds(_ duration: Duration) -> UInt64 {
        let (seconds, attoseconds) = duration.components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000)
        guard !overflow, whole <= WireLimits.durationMicroseconds else { return WireLimits.durationMicroseconds }
        return min(whole + UInt64(attoseconds / 1_000_000_000_000), WireLimits.durationMicroseconds)
    }

    /// A list of submessages, each made from a value by `write`.
    func list<Value, Message>(
        _ values: some Collection<Value>,
        _ field: StaticString,
        limit: Int,
        _ write: (Value) throws(WireError) -> UnsafeMutablePointer<Message>
    ) throws(WireError) -> UnsafeMutablePointer<UnsafeMutablePointer<Message>?>? {
        try FieldReader.checkCount(values.count, field, limit: limit)
        guard !values.isEmpty else { return nil }
        let base = try take(values.count * MemoryLayout<UnsafeMutablePointer<Message>?>.stride)
            .bindMemory(to: UnsafeMutablePointer<Message>?.self, capacity: values.count)
        var index = 0
        for value in values {
            base[index] = try write(value)
            index += 1
        }
        return base
    }

    /// A list of texts.
    func texts(
        _ values: [String],
        _ field: StaticString
    ) throws(WireError) -> UnsafeMutablePointer<ProtobufCBinaryData>? {
        try FieldReader.checkCount(values.count, field, limit: Limits.listCount)
        guard !values.isEmpty else { return nil }
        let base = try take(values.count * MemoryLayout<ProtobufCBinaryData>.stride)
            .bindMemory(to: ProtobufCBinaryData.self, capacity: values.count)
        for (index, value) in values.enumerated() { base[index] = try text(value, field) }
        return base
    }
}
