// SPDX-License-Identifier: Apache-2.0

internal import Learning
internal import ModelState
internal import Randomness
internal import Selection

extension DetectionReport {
    /// What the models say of some images.
    private struct Answers {
        var logits: [Float]
        var features: [Float]
        var teacher: [Float]
    }

    /// Measures every score of the source model: clean images against unfamiliar and corrupted ones, and the order of
    /// its answers on the stream.
    init(_ world: AdaptationWorld, outside: SampleTable?, _ scenario: AdaptationScenario) throws {
        let limit = scenario.detection.samples
        let step = max(world.stream.count / limit, 1)
        let picked = stride(from: 0, to: world.stream.count, by: step).prefix(limit).map { UInt32($0) }
        let stream = world.stream.compacted(picked)
        let clean = world.clean.compacted((0..<UInt32(min(limit, world.clean.count))).map { $0 })
        let foreign = outside.map { $0.compacted((0..<UInt32(min(limit, $0.count))).map { $0 }) }
        let cleanAnswers = try Self.answers(world, clean)
        let streamAnswers = try Self.answers(world, stream)
        let foreignAnswers = try foreign.map { try Self.answers(world, $0) }
        let isRight = Self.isRight(streamAnswers.logits, stream.labels)
        scores = try UncertaintyScore.allCases.map { score in
            let familiar = try Self.scores(score, world, scenario, cleanAnswers)
            let corrupted = try Self.scores(score, world, scenario, streamAnswers)
            let against = try DetectionMetrics(positives: corrupted, negatives: familiar)
            let risks = try RiskCoverage(scores: corrupted, isWrong: isRight.map { !$0 })
            let unfamiliar = try foreignAnswers.map {
                try DetectionMetrics(positives: try Self.scores(score, world, scenario, $0), negatives: familiar)
            }
            return Row(
                score: score.rawValue,
                outsideAUROC: unfamiliar?.auroc,
                outsideAUPRC: unfamiliar?.auprc,
                corruptedAUROC: against.auroc,
                corruptedAUPRC: against.auprc,
                aurc: risks.aurc,
                excessAURC: risks.excessAURC,
                augrc: risks.augrc
            )
        }
        let validation = world.validation
        let validationAnswers = try Self.answers(world, validation)
        func side(_ logits: [Float], _ labels: [Int32]) throws -> CascadeReport.Side {
            let scorer = try UncertaintyScorer(.msp, temperature: 1)
            return CascadeReport.Side(
                scores: try LogitRows.with(logits, classCount: world.device.classCount) { try scorer.scores($0) },
                isRight: Self.isRight(logits, labels)
            )
        }
        cascade = try CascadeReport(
            device: try side(streamAnswers.logits, stream.labels),
            cloud: try side(streamAnswers.teacher, stream.labels),
            validationDevice: try side(validationAnswers.logits, validation.labels),
            validationCloud: try side(validationAnswers.teacher, validation.labels),
            fractions: [0.05, 0.1, 0.2, 0.3, 0.5]
        )
    }

    private static func answers(_ world: AdaptationWorld, _ table: SampleTable) throws -> Answers {
        let session = try ModelSession(model: world.device)
        try session.load(world.source)
        var answers = Answers(logits: [], features: [], teacher: [])
        for start in stride(from: 0, to: table.count, by: 64) {
            let rows = start..<min(start + 64, table.count)
            try session.forwardImages(rows.flatMap { table.features(of: $0) })
            answers.logits += session.logits
            answers.features += session.features
        }
        answers.teacher = try SourceModel(model: world.teacher, source: world.teacherParameters).answerAll(table)
        return answers
    }

    private static func isRight(_ logits: [Float], _ labels: [Int32]) -> [Bool] {
        let classes = logits.count / max(labels.count, 1)
        return labels.indices.map { row in
            let values = logits[(row * classes)..<((row + 1) * classes)]
            let best = values.indices.max { values[$0] < values[$1] } ?? values.startIndex
            return best - values.startIndex == Int(labels[row])
        }
    }

    private static func scores(
        _ score: UncertaintyScore,
        _ world: AdaptationWorld,
        _ scenario: AdaptationScenario,
        _ answers: Answers
    ) throws -> [Double] {
        let classes = world.device.classCount
        guard score.needsTeacher else {
            return try DeviceScorer(
                score,
                temperature: world.calibration.temperature,
                model: world.device,
                passCount: scenario.upload.passes
            ).scores(
                logits: answers.logits,
                features: answers.features,
                parameters: world.source,
                model: world.device,
                seed: world.seed.deriving("detection")
            )
        }
        let scorer = try UncertaintyScorer(score, temperature: world.calibration.temperature)
        return try LogitRows.with(answers.logits, classCount: classes) { rows in
            try LogitRows.with(answers.teacher, classCount: classes) { teacher in
                try answers.features.withUnsafeBufferPointer { features in
                    guard let base = features.baseAddress else { return [] }
                    let width = features.count / max(rows.rowCount, 1)
                    return try scorer.scores(
                        rows,
                        teacher: .rows(teacher),
                        features: FeatureRows(base: base, rowCount: rows.rowCount, featureCount: width)
                    )
                }
            }
        }
    }
}
