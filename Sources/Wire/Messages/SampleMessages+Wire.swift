// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import Rounds

extension SampleOffer {
    init(reading message: Tributary__V1__SampleOffer) throws(WireError) {
        self.init(
            job: try FieldReader.job(message.job, "sample_offer.job"),
            sequence: try FieldReader.sequence(message.sequence, "sample_offer.sequence"),
            digest: try FieldReader.digest(message.digest, "sample_offer.digest"),
            byteCount: try FieldReader.size(
                message.byte_count,
                "sample_offer.byte_count",
                limit: Limits.sampleBatchBytes
            ),
            sampleCount: try FieldReader.size(
                message.sample_count,
                "sample_offer.sample_count",
                limit: Limits.samplesPerBatch
            )
        )
        guard byteCount > 0, sampleCount > 0 else {
            throw WireError(.invalidField, "sample_offer offers no samples")
        }
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__SampleOffer> {
        let message = try writer.make(tributary__v1__sample_offer__init)
        message.pointee.job = try FieldReader.job(job.number, "sample_offer.job").number
        message.pointee.sequence = try FieldReader.sequence(sequence, "sample_offer.sequence")
        message.pointee.digest = try writer.digest(digest)
        message.pointee.byte_count = try writer.size(
            byteCount,
            "sample_offer.byte_count",
            limit: Limits.sampleBatchBytes
        )
        message.pointee.sample_count = try writer.size(
            sampleCount,
            "sample_offer.sample_count",
            limit: Limits.samplesPerBatch
        )
        return message
    }
}

extension SampleRequest {
    init(reading message: Tributary__V1__SampleRequest) throws(WireError) {
        self.init(
            job: try FieldReader.job(message.job, "sample_request.job"),
            sequence: try FieldReader.sequence(message.sequence, "sample_request.sequence"),
            transfer: message.transfer,
            offset: try FieldReader.size(message.offset, "sample_request.offset", limit: Limits.sampleBatchBytes)
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__SampleRequest> {
        let message = try writer.make(tributary__v1__sample_request__init)
        message.pointee.job = try FieldReader.job(job.number, "sample_request.job").number
        message.pointee.sequence = try FieldReader.sequence(sequence, "sample_request.sequence")
        message.pointee.transfer = transfer
        message.pointee.offset = try writer.size(offset, "sample_request.offset", limit: Limits.sampleBatchBytes)
        return message
    }
}

extension SampleVerdict {
    init(reading message: Tributary__V1__SampleVerdict) throws(WireError) {
        self.init(
            job: try FieldReader.job(message.job, "sample_verdict.job"),
            sequence: try FieldReader.sequence(message.sequence, "sample_verdict.sequence"),
            isAccepted: message.is_accepted != 0,
            reason: FieldReader.reason(message.reason.rawValue),
            message: try FieldReader.text(message.message, "sample_verdict.message")
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__SampleVerdict> {
        let message = try writer.make(tributary__v1__sample_verdict__init)
        message.pointee.job = try FieldReader.job(job.number, "sample_verdict.job").number
        message.pointee.sequence = try FieldReader.sequence(sequence, "sample_verdict.sequence")
        message.pointee.is_accepted = isAccepted ? 1 : 0
        message.pointee.reason = Tributary__V1__ReasonCode(rawValue: reason.rawValue)
        message.pointee.message = try writer.remark(self.message)
        return message
    }
}

extension PurgeReceipt {
    init(reading message: Tributary__V1__PurgeReceipt) throws(WireError) {
        let limit = WireLimits.totalCount
        self.init(
            job: try FieldReader.job(message.job, "receipt.job"),
            agent: try FieldReader.agent(message.agent, "receipt.agent"),
            number: try FieldReader.sequence(message.number, "receipt.number"),
            lastSequence: try FieldReader.count(message.last_sequence, "receipt.last_sequence", limit: limit),
            batchCount: try FieldReader.count(message.batch_count, "receipt.batch_count", limit: limit),
            sampleCount: try FieldReader.count(message.sample_count, "receipt.sample_count", limit: limit),
            byteCount: try FieldReader.count(message.byte_count, "receipt.byte_count", limit: limit),
            digest: try FieldReader.digest(message.digest, "receipt.digest")
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__PurgeReceipt> {
        let message = try writer.make(tributary__v1__purge_receipt__init)
        let limit = WireLimits.totalCount
        message.pointee.job = try FieldReader.job(job.number, "receipt.job").number
        message.pointee.agent = try writer.text(agent.name, "receipt.agent")
        message.pointee.number = try FieldReader.sequence(number, "receipt.number")
        message.pointee.last_sequence = try FieldReader.count(lastSequence, "receipt.last_sequence", limit: limit)
        message.pointee.batch_count = try FieldReader.count(batchCount, "receipt.batch_count", limit: limit)
        message.pointee.sample_count = try FieldReader.count(sampleCount, "receipt.sample_count", limit: limit)
        message.pointee.byte_count = try FieldReader.count(byteCount, "receipt.byte_count", limit: limit)
        message.pointee.digest = try writer.digest(digest)
        return message
    }
}

extension SampleHolding {
    init(reading message: Tributary__V1__SampleHolding) throws(WireError) {
        let limit = WireLimits.totalCount
        self.init(
            job: try FieldReader.job(message.job, "holding.job"),
            agent: try FieldReader.agent(message.agent, "holding.agent"),
            batchCount: try FieldReader.count(message.batch_count, "holding.batch_count", limit: limit),
            sampleCount: try FieldReader.count(message.sample_count, "holding.sample_count", limit: limit),
            byteCount: try FieldReader.count(message.byte_count, "holding.byte_count", limit: limit),
            lastSequence: try FieldReader.count(message.last_sequence, "holding.last_sequence", limit: limit)
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__SampleHolding> {
        let message = try writer.make(tributary__v1__sample_holding__init)
        let limit = WireLimits.totalCount
        message.pointee.job = try FieldReader.job(job.number, "holding.job").number
        message.pointee.agent = try writer.text(agent.name, "holding.agent")
        message.pointee.batch_count = try FieldReader.count(batchCount, "holding.batch_count", limit: limit)
        message.pointee.sample_count = try FieldReader.count(sampleCount, "holding.sample_count", limit: limit)
        message.pointee.byte_count = try FieldReader.count(byteCount, "holding.byte_count", limit: limit)
        message.pointee.last_sequence = try FieldReader.count(lastSequence, "holding.last_sequence", limit: limit)
        return message
    }
}
