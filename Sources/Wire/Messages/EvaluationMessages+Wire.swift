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
            lossSum: message.loss_sum,
            spread: try message.spread.map { spread throws(WireError) in
                try ClientSpread(reading: spread.pointee, limit: limit)
            }
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
        message.pointee.spread = try spread?.write(writer, limit: limit)
        return message
    }
}

extension ClientSpread {
    init(reading message: Tributary__V1__ClientSpread, limit: UInt64) throws(WireError) {
        self.init(
            clientCount: try FieldReader.count(message.client_count, "spread.client_count", limit: limit),
            meanAccuracy: message.mean_accuracy,
            worstTenthAccuracy: message.worst_tenth_accuracy,
            deviation: message.deviation,
            fairness: message.fairness
        )
    }

    func write(
        _ writer: FieldWriter,
        limit: UInt64
    ) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__ClientSpread> {
        let message = try writer.make(tributary__v1__client_spread__init)
        message.pointee.client_count = try FieldReader.count(clientCount, "spread.client_count", limit: limit)
        message.pointee.mean_accuracy = meanAccuracy
        message.pointee.worst_tenth_accuracy = worstTenthAccuracy
        message.pointee.deviation = deviation
        message.pointee.fairness = fairness
        return message
    }
}
