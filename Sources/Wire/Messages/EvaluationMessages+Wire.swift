// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import Rounds

extension EvaluationReport {
    init(reading message: Tributary__V1__EvaluationReport) throws(WireError) {
        let outcome = try FieldReader.required(message.outcome, "evaluation.outcome")
        self.init(
            job: try FieldReader.job(message.job, "evaluation.job"),
            round: try FieldReader.round(message.round, "evaluation.round"),
            outcome: try EvaluationSummary(reading: outcome.pointee, limit: WireLimits.reportedCount)
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__EvaluationReport> {
        let message = try writer.make(tributary__v1__evaluation_report__init)
        message.pointee.job = try FieldReader.job(job.number, "evaluation.job").number
        message.pointee.round = try FieldReader.round(round.value, "evaluation.round").value
        message.pointee.outcome = try outcome.write(writer, limit: WireLimits.reportedCount)
        return message
    }
}

extension EvaluationSummary {
    init(reading message: Tributary__V1__EvaluationSummary, limit: UInt64) throws(WireError) {
        let samples = try FieldReader.count(message.sample_count, "sample_count", limit: limit)
        self.init(
            sampleCount: samples,
            correctCount: try FieldReader.count(message.correct_count, "correct_count", limit: samples),
            lossSum: message.loss_sum
        )
    }

    func write(
        _ writer: FieldWriter,
        limit: UInt64
    ) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__EvaluationSummary> {
        let message = try writer.make(tributary__v1__evaluation_summary__init)
        message.pointee.sample_count = try FieldReader.count(sampleCount, "sample_count", limit: limit)
        message.pointee.correct_count = try FieldReader.count(correctCount, "correct_count", limit: sampleCount)
        message.pointee.loss_sum = lossSum
        return message
    }
}
