// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import Rounds

extension Welcome {
    init(reading message: Tributary__V1__Welcome) throws(WireError) {
        let earliest = try FieldReader.duration(
            message.reconnect_earliest_microseconds,
            "welcome.reconnect_earliest_microseconds"
        )
        let latest = try FieldReader.duration(
            message.reconnect_latest_microseconds,
            "welcome.reconnect_latest_microseconds"
        )
        guard earliest <= latest else {
            throw WireError(.invalidField, "the welcome's reconnect window ends before it begins")
        }
        let chunkBytes = try FieldReader.size(message.chunk_bytes, "welcome.chunk_bytes", limit: Limits.chunkBytes)
        guard chunkBytes > 0 else { throw WireError(.invalidField, "welcome.chunk_bytes is 0") }
        self.init(
            version: message.version,
            heartbeat: try FieldReader.duration(message.heartbeat_microseconds, "welcome.heartbeat_microseconds"),
            silenceLimit: try FieldReader.duration(
                message.silence_limit_microseconds,
                "welcome.silence_limit_microseconds"
            ),
            reconnectEarliest: earliest,
            reconnectLatest: latest,
            chunkBytes: chunkBytes
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__Welcome> {
        let message = try writer.make(tributary__v1__welcome__init)
        guard chunkBytes > 0, reconnectEarliest <= reconnectLatest else {
            throw WireError(
                .invalidField,
                "a welcome needs chunks of 1 byte or more and a window that ends after it begins"
            )
        }
        message.pointee.version = version
        message.pointee.heartbeat_microseconds = writer.microseconds(heartbeat)
        message.pointee.silence_limit_microseconds = writer.microseconds(silenceLimit)
        message.pointee.reconnect_earliest_microseconds = writer.microseconds(reconnectEarliest)
        message.pointee.reconnect_latest_microseconds = writer.microseconds(reconnectLatest)
        message.pointee.chunk_bytes = try writer.size(chunkBytes, "welcome.chunk_bytes", limit: Limits.chunkBytes)
        return message
    }
}

extension Goodbye {
    init(reading message: Tributary__V1__Goodbye) throws(WireError) {
        var retryAfter: Duration?
        if message.retry_case == TRIBUTARY__V1__GOODBYE__RETRY_RETRY_AFTER_MICROSECONDS {
            retryAfter = try FieldReader.duration(message.retry_after_microseconds, "goodbye.retry_after_microseconds")
        }
        self.init(
            FieldReader.reason(message.reason.rawValue),
            try FieldReader.text(message.message, "goodbye.message"),
            retryAfter: retryAfter
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__Goodbye> {
        let message = try writer.make(tributary__v1__goodbye__init)
        message.pointee.reason = Tributary__V1__ReasonCode(rawValue: reason.rawValue)
        message.pointee.message = try writer.remark(self.message)
        if let retryAfter {
            message.pointee.retry_case = TRIBUTARY__V1__GOODBYE__RETRY_RETRY_AFTER_MICROSECONDS
            message.pointee.retry_after_microseconds = writer.microseconds(retryAfter)
        }
        return message
    }
}
