// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import CProtobufC
internal import Rounds

extension BlobRequest {
    init(reading message: Tributary__V1__BlobRequest) throws(WireError) {
        self.init(
            transfer: message.transfer,
            digest: try FieldReader.digest(message.digest, "blob_request.digest"),
            offset: try FieldReader.size(message.offset, "blob_request.offset", limit: Limits.blobBytes)
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__BlobRequest> {
        let message = try writer.make(tributary__v1__blob_request__init)
        message.pointee.transfer = transfer
        message.pointee.digest = try writer.digest(digest)
        message.pointee.offset = try writer.size(offset, "blob_request.offset", limit: Limits.blobBytes)
        return message
    }
}

extension BlobChunk {
    /// Reads a chunk whose fields stand in an unusual order; its data is copied.
    init(copying message: Tributary__V1__BlobChunk) throws(WireError) {
        let offset = try Self.checkedOffset(message.offset, byteCount: message.data.len)
        let data = Array(UnsafeBufferPointer(start: message.data.data, count: message.data.len))
        self.init(transfer: message.transfer, offset: offset, data: ByteSlice(copying: data))
    }

    /// Checks where a piece lies: it has 1 byte to `Limits.chunkBytes` and ends at `Limits.blobBytes` at the latest.
    static func checkedOffset(_ offset: UInt64, byteCount: Int) throws(WireError) -> Int {
        guard byteCount > 0 else { throw WireError(.invalidField, "chunk.data is empty") }
        guard byteCount <= Limits.chunkBytes else {
            throw WireError(.limitExceeded, "chunk.data has \(byteCount) bytes, the limit is \(Limits.chunkBytes)")
        }
        return try FieldReader.size(offset, "chunk.offset", limit: Limits.blobBytes - byteCount)
    }
}

extension UpdateOffer {
    init(reading message: Tributary__V1__UpdateOffer) throws(WireError) {
        let limit = WireLimits.reportedCount
        var base: BlobDigest?
        if message.base_digest.len > 0 {
            base = try FieldReader.digest(message.base_digest, "offer.base_digest")
        }
        self.init(
            key: try UpdateKey(reading: message.key),
            digest: try FieldReader.digest(message.digest, "offer.digest"),
            byteCount: try FieldReader.size(message.byte_count, "offer.byte_count", limit: Limits.blobBytes),
            codec: try FieldReader.text(message.codec, "offer.codec"),
            weight: message.weight,
            steps: try FieldReader.count(message.steps, "offer.steps", limit: limit),
            trainedSamples: try FieldReader.count(message.trained_samples, "offer.trained_samples", limit: limit),
            loss: message.loss,
            trainingTime: try FieldReader.duration(
                message.training_time_microseconds,
                "offer.training_time_microseconds"
            ),
            base: base,
            initialLoss: message.initial_loss == 0 ? nil : message.initial_loss,
            uncertainty: message.score_case == TRIBUTARY__V1__UPDATE_OFFER__SCORE_UNCERTAINTY
                ? message.uncertainty : nil
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__UpdateOffer> {
        let message = try writer.make(tributary__v1__update_offer__init)
        let limit = WireLimits.reportedCount
        message.pointee.key = try key.write(writer)
        message.pointee.digest = try writer.digest(digest)
        message.pointee.byte_count = try writer.size(byteCount, "offer.byte_count", limit: Limits.blobBytes)
        message.pointee.codec = try writer.text(codec, "offer.codec")
        message.pointee.weight = weight
        message.pointee.steps = try FieldReader.count(steps, "offer.steps", limit: limit)
        message.pointee.trained_samples = try FieldReader.count(trainedSamples, "offer.trained_samples", limit: limit)
        message.pointee.loss = loss
        message.pointee.training_time_microseconds = writer.microseconds(trainingTime)
        if let base { message.pointee.base_digest = try writer.digest(base) }
        // 0 stands for "not told".
        if let initialLoss { message.pointee.initial_loss = initialLoss == 0 ? .leastNormalMagnitude : initialLoss }
        if let uncertainty {
            message.pointee.score_case = TRIBUTARY__V1__UPDATE_OFFER__SCORE_UNCERTAINTY
            message.pointee.uncertainty = uncertainty
        }
        return message
    }
}

extension UploadRequest {
    init(reading message: Tributary__V1__UploadRequest) throws(WireError) {
        self.init(
            key: try UpdateKey(reading: message.key),
            transfer: message.transfer,
            offset: try FieldReader.size(message.offset, "upload_request.offset", limit: Limits.blobBytes)
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__UploadRequest> {
        let message = try writer.make(tributary__v1__upload_request__init)
        message.pointee.key = try key.write(writer)
        message.pointee.transfer = transfer
        message.pointee.offset = try writer.size(offset, "upload_request.offset", limit: Limits.blobBytes)
        return message
    }
}

extension UpdateVerdict {
    init(reading message: Tributary__V1__UpdateVerdict) throws(WireError) {
        self.init(
            key: try UpdateKey(reading: message.key),
            isAccepted: message.is_accepted != 0,
            reason: FieldReader.reason(message.reason.rawValue),
            message: try FieldReader.text(message.message, "verdict.message")
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__UpdateVerdict> {
        let message = try writer.make(tributary__v1__update_verdict__init)
        message.pointee.key = try key.write(writer)
        message.pointee.is_accepted = isAccepted ? 1 : 0
        message.pointee.reason = Tributary__V1__ReasonCode(rawValue: reason.rawValue)
        message.pointee.message = try writer.remark(self.message)
        return message
    }
}

extension RoundCommitted {
    init(reading message: Tributary__V1__RoundCommitted) throws(WireError) {
        self.init(
            job: try FieldReader.job(message.job, "round_committed.job"),
            round: try FieldReader.round(message.round, "round_committed.round")
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__RoundCommitted> {
        let message = try writer.make(tributary__v1__round_committed__init)
        message.pointee.job = try FieldReader.job(job.number, "round_committed.job").number
        message.pointee.round = try FieldReader.round(round.value, "round_committed.round").value
        return message
    }
}
