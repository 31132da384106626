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
            },
            answers: try message.answers.map { answers throws(WireError) in
                try AnswerCounts(reading: answers.pointee, samples: samples)
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
        message.pointee.answers = try answers?.write(writer, samples: sampleCount)
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

extension AnswerCounts {
    init(reading message: Tributary__V1__AnswerCounts, samples: UInt64) throws(WireError) {
        let most = UInt64(Self.maximumClasses)
        let classes = Int(try FieldReader.count(UInt64(message.classes), "answers.classes", limit: most))
        let seen = try FieldReader.count(UInt64(message.seen_classes), "answers.seen_classes", limit: UInt64(classes))
        let values = try FieldReader.sizes(
            message.counts,
            count: message.n_counts,
            "answers.counts",
            limit: Int.max,
            countLimit: Self.maximumClasses * Self.maximumClasses
        )
        .map { UInt64($0) }
        guard classes >= 1, values.count == classes * classes else {
            throw WireError(.invalidField, "answers.counts has \(values.count) numbers for \(classes) classes")
        }
        try Self.check(values, samples)
        self.init(classes: classes, seenClasses: Int(seen), counts: values)
    }

    func write(
        _ writer: FieldWriter,
        samples: UInt64
    ) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__AnswerCounts> {
        try Self.check(counts, samples)
        let message = try writer.make(tributary__v1__answer_counts__init)
        message.pointee.classes = UInt32(classes)
        message.pointee.seen_classes = UInt32(seenClasses)
        message.pointee.counts = try writer.sizes(
            counts.map { Int(clamping: $0) },
            "answers.counts",
            limit: Int.max,
            countLimit: Self.maximumClasses * Self.maximumClasses
        )
        message.pointee.n_counts = counts.count
        return message
    }

    private static func check(_ counts: [UInt64], _ samples: UInt64) throws(WireError) {
        var sum: UInt64 = 0
        for count in counts {
            let (next, overflow) = sum.addingReportingOverflow(count)
            guard !overflow, next <= samples else {
                throw WireError(.invalidField, "answers.counts has more samples than the \(samples) evaluated")
            }
            sum = next
        }
        guard sum == samples else {
            throw WireError(.invalidField, "answers.counts has \(sum) samples of the \(samples) evaluated")
        }
    }
}
