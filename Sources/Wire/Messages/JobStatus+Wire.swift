// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import CProtobufC
internal import ModelState
internal import Rounds

extension JobStatus {
    init(reading status: UnsafeMutablePointer<Tributary__V1__JobStatus>?) throws(WireError) {
        let message = try FieldReader.required(status, "status").pointee
        guard let phase = JobPhase(rawValue: message.phase.rawValue) else {
            throw WireError(.invalidField, "status.phase is \(message.phase.rawValue), which is no phase")
        }
        let limit = WireLimits.totalCount
        self.init(
            job: try FieldReader.job(message.job, "status.job"),
            name: try FieldReader.text(message.name, "status.name"),
            totalRounds: message.total_rounds
        )
        self.phase = phase
        round = try FieldReader.round(message.round, "status.round")
        connectedAgents = message.connected_agents
        evaluatedRound = try FieldReader.round(message.evaluated_round, "status.evaluated_round")
        if let summary = message.evaluation {
            evaluation = try EvaluationSummary(reading: summary.pointee, limit: limit)
        }
        acceptedUpdates = try FieldReader.count(message.accepted_updates, "status.accepted_updates", limit: limit)
        refusedUpdates = try FieldReader.count(message.refused_updates, "status.refused_updates", limit: limit)
        bytesUp = try FieldReader.count(message.bytes_up, "status.bytes_up", limit: limit)
        let kinds = try FieldReader.sizes(
            message.bytes_up_by_kind,
            count: message.n_bytes_up_by_kind,
            "status.bytes_up_by_kind",
            limit: Int(limit),
            countLimit: TensorKind.allCases.count
        )
        guard let counts = BytesByKind(counts: kinds.map { UInt64($0) }) else {
            throw WireError(.invalidField, "status.bytes_up_by_kind has \(kinds.count) entries, not one for each kind")
        }
        bytesUpByKind = counts
        bytesDown = try FieldReader.count(message.bytes_down, "status.bytes_down", limit: limit)
        trainedSamples = try FieldReader.count(message.trained_samples, "status.trained_samples", limit: limit)
        elapsed = try FieldReader.duration(message.elapsed_microseconds, "status.elapsed_microseconds")
        trainingTime = try FieldReader.duration(
            message.training_time_microseconds,
            "status.training_time_microseconds"
        )
        if message.model_digest.len > 0 {
            modelDigest = try FieldReader.digest(message.model_digest, "status.model_digest")
        }
        self.message = try FieldReader.text(message.message, "status.message")
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__JobStatus> {
        let message = try writer.make(tributary__v1__job_status__init)
        let limit = WireLimits.totalCount
        message.pointee.job = try FieldReader.job(job.number, "status.job").number
        message.pointee.name = try writer.remark(name)
        message.pointee.phase = Tributary__V1__JobPhase(rawValue: phase.rawValue)
        message.pointee.round = try FieldReader.round(round.value, "status.round").value
        message.pointee.total_rounds = totalRounds
        message.pointee.connected_agents = connectedAgents
        message.pointee.evaluated_round = try FieldReader.round(evaluatedRound.value, "status.evaluated_round").value
        message.pointee.evaluation = try evaluation.write(writer, limit: limit)
        message.pointee.accepted_updates = min(acceptedUpdates, limit)
        message.pointee.refused_updates = min(refusedUpdates, limit)
        message.pointee.bytes_up = min(bytesUp, limit)
        message.pointee.bytes_up_by_kind = try writer.sizes(
            bytesUpByKind.counts.map { Int(min($0, limit)) },
            "status.bytes_up_by_kind",
            limit: Int(limit),
            countLimit: TensorKind.allCases.count
        )
        message.pointee.n_bytes_up_by_kind = bytesUpByKind.counts.count
        message.pointee.bytes_down = min(bytesDown, limit)
        message.pointee.trained_samples = min(trainedSamples, limit)
        message.pointee.elapsed_microseconds = writer.microseconds(elapsed)
        message.pointee.training_time_microseconds = writer.microseconds(trainingTime)
        if let modelDigest { message.pointee.model_digest = try writer.digest(modelDigest) }
        message.pointee.message = try writer.remark(self.message)
        return message
    }
}
