// SPDX-License-Identifier: Apache-2.0
internal import CProtobufC
internal import Rounds

/// Turns fields of unpacked messages into checked Swift values.
enum FieldReader {
    /// A text of at most `limit` bytes: valid UTF-8 without U+0000.
    static func text(
        _ data: ProtobufCBinaryData,
        _ field: StaticString,
        limit: Int = Limits.textBytes
    ) throws(WireError) -> String {
        guard data.len > 0, let base = data.data else { return "" }
        guard data.len <= limit else {
            throw WireError(.limitExceeded, "\(field) has \(data.len) bytes, the limit is \(limit)")
        }
        let bytes = UnsafeBufferPointer(start: base, count: data.len)
        guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
            throw WireError(.invalidField, "\(field) is not UTF-8 text without U+0000")
        }
        return text
    }

    /// A digest of 16 bytes.
    static func digest(_ data: ProtobufCBinaryData, _ field: StaticString) throws(WireError) -> BlobDigest {
        guard data.len == BlobDigest.byteCount, let base = data.data else {
            throw WireError(.invalidField, "\(field) has \(data.len) bytes, a digest has \(BlobDigest.byteCount)")
        }
        let bytes = UnsafeRawPointer(base)
        return BlobDigest(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
    }

    /// A submessage that must be there.
    static func required<Message>(
        _ message: UnsafeMutablePointer<Message>?,
        _ field: StaticString
    ) throws(WireError) -> UnsafeMutablePointer<Message> {
        guard let message else { throw WireError(.invalidField, "\(field) is missing") }
        return message
    }

    /// A whole number of at most `limit`.
    static func count(_ value: UInt64, _ field: StaticString, limit: UInt64) throws(WireError) -> UInt64 {
        guard value <= limit else {
            throw WireError(.invalidField, "\(field) is \(value), the largest value is \(limit)")
        }
        return value
    }

    /// A size, an offset or an extent of at most `limit`.
    static func size(_ value: UInt64, _ field: StaticString, limit: Int) throws(WireError) -> Int {
        Int(try count(value, field, limit: UInt64(limit)))
    }

    /// A list of sizes.
    static func sizes(
        _ base: UnsafeMutablePointer<UInt64>?,
        count: Int,
        _ field: StaticString,
        limit: Int,
        countLimit: Int
    ) throws(WireError) -> [Int] {
        try checkCount(count, field, limit: countLimit)
        guard let base else { return [] }
        var sizes: [Int] = []
        sizes.reserveCapacity(count)
        for index in 0..<count { sizes.append(try size(base[index], field, limit: limit)) }
        return sizes
    }

    /// A duration.
    static func duration(_ microseconds: UInt64, _ field: StaticString) throws(WireError) -> Duration {
        .microseconds(Int64(try count(microseconds, field, limit: WireLimits.durationMicroseconds)))
    }

    /// A job's number.
    static func job(_ number: UInt64, _ field: StaticString) throws(WireError) -> JobID {
        guard number > 0 else { throw WireError(.invalidField, "\(field) is missing; jobs are numbered from 1") }
        return JobID(try count(number, field, limit: WireLimits.jobNumber))
    }

    /// An agent's name.
    static func agent(_ data: ProtobufCBinaryData, _ field: StaticString) throws(WireError) -> AgentID {
        guard let agent = AgentID(try text(data, field)) else {
            throw WireError(.invalidField, "\(field) is not the name of an agent")
        }
        return agent
    }

    /// A number that counts from 1.
    static func sequence(_ number: UInt64, _ field: StaticString) throws(WireError) -> UInt64 {
        guard number > 0 else { throw WireError(.invalidField, "\(field) is missing; it counts from 1") }
        return try count(number, field, limit: WireLimits.totalCount)
    }

    /// A round's number.
    static func round(_ number: UInt32, _ field: StaticString) throws(WireError) -> RoundNumber {
        RoundNumber(UInt32(try count(UInt64(number), field, limit: UInt64(WireLimits.roundNumber))))
    }

    /// A reason; one that this version does not know is `unspecified`.
    static func reason(_ number: UInt32) -> ReasonCode {
        ReasonCode(rawValue: number) ?? .unspecified
    }

    /// Refuses a list with more than `limit` entries.
    static func checkCount(_ count: Int, _ field: StaticString, limit: Int) throws(WireError) {
        guard count <= limit else {
            throw WireError(.limitExceeded, "\(field) has \(count) entries, the limit is \(limit)")
        }
    }

    /// A list of submessages, each turned into a value by `read`.
    static func list<Message, Value>(
        _ base: UnsafeMutablePointer<UnsafeMutablePointer<Message>?>?,
        count: Int,
        _ field: StaticString,
        limit: Int,
        _ read: (UnsafeMutablePointer<Message>) throws(WireError) -> Value
    ) throws(WireError) -> [Value] {
        try checkCount(count, field, limit: limit)
        guard let base else { return [] }
        var values: [Value] = []
        values.reserveCapacity(count)
        for index in 0..<count { values.append(try read(required(base[index], field))) }
        return values
    }

    /// A mapping; a name that comes twice is refused.
    static func dictionary<Message, Value>(
        _ base: UnsafeMutablePointer<UnsafeMutablePointer<Message>?>?,
        count: Int,
        _ field: StaticString,
        _ read: (UnsafeMutablePointer<Message>) throws(WireError) -> (String, Value)
    ) throws(WireError) -> [String: Value] {
        try checkCount(count, field, limit: Limits.listCount)
        guard let base else { return [:] }
        var values = [String: Value](minimumCapacity: count)
        for index in 0..<count {
            let (name, value) = try read(required(base[index], field))
            guard values.updateValue(value, forKey: name) == nil else {
                throw WireError(.invalidField, "\(field) names an entry twice")
            }
        }
        return values
    }
}
