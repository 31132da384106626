// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import CProtobufC
internal import ModelState
internal import Rounds

extension StreamTask {
    init(reading message: Tributary__V1__StreamTask) throws(WireError) {
        self.init(
            job: try FieldReader.job(message.job, "stream.job"),
            name: try FieldReader.text(message.name, "stream.name"),
            base: try ModelReference(reading: message.base_model),
            model: try ModelSpecification(reading: message.model),
            layout: try TensorLayout(reading: message.layout),
            plan: try FieldReader.text(message.plan, "stream.plan", limit: Limits.jobFileBytes),
            seed: message.seed,
            keptSequence: try FieldReader.count(
                message.kept_sequence,
                "stream.kept_sequence",
                limit: WireLimits.totalCount
            )
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__StreamTask> {
        let message = try writer.make(tributary__v1__stream_task__init)
        message.pointee.job = try FieldReader.job(job.number, "stream.job").number
        message.pointee.name = try writer.text(name, "stream.name")
        message.pointee.base_model = try base.write(writer)
        message.pointee.model = try model.write(writer)
        message.pointee.layout = try layout.write(writer)
        message.pointee.plan = try writer.text(plan, "stream.plan", limit: Limits.jobFileBytes)
        message.pointee.seed = seed
        message.pointee.kept_sequence = try FieldReader.count(
            keptSequence,
            "stream.kept_sequence",
            limit: WireLimits.totalCount
        )
        return message
    }
}

extension StreamReport {
    init(reading message: Tributary__V1__StreamReport) throws(WireError) {
        let limit = WireLimits.totalCount
        self.init(job: try FieldReader.job(message.job, "report.job"))
        answered = try FieldReader.count(message.answered, "report.answered", limit: limit)
        labelled = try FieldReader.count(message.labelled, "report.labelled", limit: answered)
        correct = try FieldReader.count(message.correct, "report.correct", limit: labelled)
        uncertainty = message.uncertainty
        chosen = try FieldReader.count(message.chosen, "report.chosen", limit: limit)
        sent = try FieldReader.count(message.sent, "report.sent", limit: limit)
        version = message.version
        rollbacks = try FieldReader.count(message.rollbacks, "report.rollbacks", limit: limit)
        environments = try FieldReader.count(message.environments, "report.environments", limit: limit)
        awaitedSequence = try FieldReader.count(message.awaited_sequence, "report.awaited_sequence", limit: limit)
        isOver = message.is_over != 0
        withheld = try FieldReader.dictionary(message.withheld, count: message.n_withheld, "report.withheld") {
            entry throws(WireError) in
            (
                try FieldReader.text(entry.pointee.name, "withheld.name"),
                try FieldReader.count(entry.pointee.count, "withheld.count", limit: limit)
            )
        }
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__StreamReport> {
        let message = try writer.make(tributary__v1__stream_report__init)
        let limit = WireLimits.totalCount
        message.pointee.job = try FieldReader.job(job.number, "report.job").number
        message.pointee.answered = try FieldReader.count(answered, "report.answered", limit: limit)
        message.pointee.labelled = try FieldReader.count(labelled, "report.labelled", limit: answered)
        message.pointee.correct = try FieldReader.count(correct, "report.correct", limit: labelled)
        message.pointee.uncertainty = uncertainty
        message.pointee.chosen = try FieldReader.count(chosen, "report.chosen", limit: limit)
        message.pointee.sent = try FieldReader.count(sent, "report.sent", limit: limit)
        message.pointee.version = version
        message.pointee.rollbacks = try FieldReader.count(rollbacks, "report.rollbacks", limit: limit)
        message.pointee.environments = try FieldReader.count(environments, "report.environments", limit: limit)
        message.pointee.awaited_sequence = try FieldReader.count(
            awaitedSequence,
            "report.awaited_sequence",
            limit: limit
        )
        message.pointee.is_over = isOver ? 1 : 0
        message.pointee.withheld = try writer.list(
            withheld.sorted { $0.key < $1.key },
            "report.withheld",
            limit: Limits.listCount
        ) { entry throws(WireError) in
            let count = try writer.make(tributary__v1__named_count__init)
            count.pointee.name = try writer.text(entry.key, "withheld.name")
            count.pointee.count = try FieldReader.count(entry.value, "withheld.count", limit: limit)
            return count
        }
        message.pointee.n_withheld = withheld.count
        return message
    }
}

extension StreamEnd {
    init(reading message: Tributary__V1__StreamEnd) throws(WireError) {
        self.init(
            job: try FieldReader.job(message.job, "stream_end.job"),
            reason: FieldReader.reason(message.reason.rawValue),
            message: try FieldReader.text(message.message, "stream_end.message")
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__StreamEnd> {
        let message = try writer.make(tributary__v1__stream_end__init)
        message.pointee.job = try FieldReader.job(job.number, "stream_end.job").number
        message.pointee.reason = Tributary__V1__ReasonCode(rawValue: reason.rawValue)
        message.pointee.message = try writer.remark(self.message)
        return message
    }
}

extension AdaptationPush {
    init(reading message: Tributary__V1__AdaptationPush) throws(WireError) {
        guard message.data.len <= Limits.adaptationBytes else {
            throw WireError(
                .limitExceeded,
                "adaptation.data has \(message.data.len) bytes, the limit is \(Limits.adaptationBytes)"
            )
        }
        guard (message.version == 0) == (message.data.len == 0) else {
            throw WireError(.invalidField, "adaptation.data and its version come together or not at all")
        }
        self.init(
            job: try FieldReader.job(message.job, "adaptation.job"),
            sequence: try FieldReader.count(message.sequence, "adaptation.sequence", limit: WireLimits.totalCount),
            version: message.version,
            digest: message.data.len > 0 ? try FieldReader.digest(message.digest, "adaptation.digest") : nil,
            data: Array(UnsafeBufferPointer(start: message.data.data, count: message.data.len))
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__AdaptationPush> {
        let message = try writer.make(tributary__v1__adaptation_push__init)
        message.pointee.job = try FieldReader.job(job.number, "adaptation.job").number
        message.pointee.sequence = try FieldReader.count(
            sequence,
            "adaptation.sequence",
            limit: WireLimits.totalCount
        )
        message.pointee.version = version
        guard (version == 0) == data.isEmpty, (digest == nil) == data.isEmpty else {
            throw WireError(.invalidField, "adaptation.data, its digest and version come together or not at all")
        }
        if let digest { message.pointee.digest = try writer.digest(digest) }
        message.pointee.data = try writer.data(data, "adaptation.data", limit: Limits.adaptationBytes)
        return message
    }
}
