// SPDX-License-Identifier: Apache-2.0
import ModelState
import Randomness
import Rounds

@testable import Wire

/// Draws messages with all kinds of legal fields, those at their limits included.
struct RandomMessages {
    private var random: SeededGenerator

    init(seed: UInt64) {
        random = SeededGenerator(seed: Seed(seed))
    }

    private static let scalars: [Unicode.Scalar] = [
        "a", "Z", "7", ".", "_", "-", " ", "\u{e9}", "\u{2192}", "\u{1f40c}",
    ]

    mutating func agentMessage() -> AgentMessage {
        switch random.below(12) {
        case 9: .streamReport(report())
        case 10:
            .sampleOffer(
                SampleOffer(
                    job: job(),
                    sequence: sequence(),
                    digest: digest(),
                    byteCount: max(1, size(Limits.sampleBatchBytes)),
                    sampleCount: max(1, size(Limits.samplesPerBatch))
                )
            )
        case 0: .hello(hello())
        case 1: .heartbeat
        case 2: .blobRequest(BlobRequest(transfer: word(), digest: digest(), offset: size(Limits.blobBytes)))
        case 3: .progress(TaskProgress(key: key(), steps: reported(), totalSteps: reported()))
        case 4:
            .offer(
                UpdateOffer(
                    key: key(),
                    digest: digest(),
                    byteCount: size(Limits.blobBytes),
                    codec: text(),
                    weight: number(),
                    steps: reported(),
                    trainedSamples: reported(),
                    loss: number(),
                    trainingTime: duration(),
                    base: flip() ? digest() : nil,
                    uncertainty: flip() ? number() : nil
                )
            )
        case 5: .chunk(chunk())
        case 6:
            .evaluation(EvaluationReport(job: job(), round: round(), outcome: summary(limit: WireLimits.reportedCount)))
        case 7: .taskFailed(TaskFailure(key: key(), reason: reason(), message: text()))
        case 8: .goodbye(goodbye())
        default: .operatorRequest(operatorRequest())
        }
    }

    mutating func coordinatorMessage() throws -> CoordinatorMessage {
        switch random.below(17) {
        case 10: .stream(try streamTask())
        case 11:
            .sampleRequest(
                SampleRequest(job: job(), sequence: sequence(), transfer: word(), offset: size(Limits.sampleBatchBytes))
            )
        case 12:
            .sampleVerdict(
                SampleVerdict(job: job(), sequence: sequence(), isAccepted: flip(), reason: reason(), message: text())
            )
        case 13: .adaptation(push())
        case 14: .streamEnd(StreamEnd(job: job(), reason: reason(), message: text()))
        case 15: .samplesPurged(receipt())
        case 0: .welcome(welcome())
        case 1: .heartbeat
        case 2:
            .train(
                TrainTask(
                    key: key(),
                    base: reference(),
                    model: model(),
                    layout: try layout(),
                    training: training(),
                    seed: word(),
                    codec: text(),
                    deadline: duration()
                )
            )
        case 3: .evaluate(EvaluateTask(job: job(), base: reference(), model: model(), layout: try layout()))
        case 4: .chunk(chunk())
        case 5: .uploadRequest(UploadRequest(key: key(), transfer: word(), offset: size(Limits.blobBytes)))
        case 6: .verdict(UpdateVerdict(key: key(), isAccepted: flip(), reason: reason(), message: text()))
        case 7: .roundCommitted(RoundCommitted(job: job(), round: round()))
        case 8: .cancel(TaskCancellation(key: key(), reason: reason()))
        case 9: .goodbye(goodbye())
        default: .operatorReply(operatorReply())
        }
    }

    mutating func chunk(bytes: Int? = nil) -> BlobChunk {
        let count = bytes ?? 1 + random.below(2_000)
        let data = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        return BlobChunk(transfer: word(), offset: size(Limits.blobBytes - count), data: ByteSlice(copying: data))
    }

    // MARK: - Messages

    private mutating func hello() -> Hello {
        Hello(
            oldestVersion: UInt32(truncatingIfNeeded: word()),
            newestVersion: UInt32(truncatingIfNeeded: word()),
            role: flip() ? .agent : .operator,
            agent: text(),
            incarnation: word(),
            codecs: (0..<listCount()).map { _ in text() },
            labels: Dictionary((0..<listCount()).map { _ in (text(), text()) }) { first, _ in first },
            resources: settings(),
            software: text()
        )
    }

    private mutating func welcome() -> Welcome {
        let window = [duration(), duration()].sorted()
        return Welcome(
            version: UInt32(truncatingIfNeeded: word()),
            heartbeat: duration(),
            silenceLimit: duration(),
            reconnectEarliest: window[0],
            reconnectLatest: window[1],
            chunkBytes: 1 + size(Limits.chunkBytes - 1)
        )
    }

    private mutating func goodbye() -> Goodbye {
        Goodbye(reason(), text(), retryAfter: flip() ? duration() : nil)
    }

    private mutating func operatorRequest() -> OperatorRequest {
        switch random.below(7) {
        case 4: .purge(key().agent, flip() ? job() : nil)
        case 5: .holdings(flip() ? key().agent : nil)
        case 0: .submit(specification: (0..<random.below(50)).map { _ in text() }.joined(separator: "\n"))
        case 1: .list
        case 2: .status(job())
        case 3: .watch(job())
        default: .cancel(job())
        }
    }

    private mutating func operatorReply() -> OperatorReply {
        switch random.below(4) {
        case 2: .samples((0..<listCount()).map { _ in holding() }, (0..<listCount()).map { _ in receipt() })
        case 0: .jobs((0..<listCount()).map { _ in status() })
        case 1:
            .event(JobEvent(kind: pick(JobEvent.Kind.allCases), status: status(), message: text()))
        default: .refused(reason(), message: text())
        }
    }

    private mutating func status() -> JobStatus {
        var status = JobStatus(job: job(), name: text(), totalRounds: UInt32(truncatingIfNeeded: word()))
        status.phase = pick(JobPhase.allCases)
        status.round = round()
        status.connectedAgents = UInt32(truncatingIfNeeded: word())
        status.evaluatedRound = round()
        status.evaluation = summary(limit: WireLimits.totalCount)
        status.acceptedUpdates = total()
        status.refusedUpdates = total()
        status.bytesUp = total()
        status.bytesDown = total()
        status.trainedSamples = total()
        status.elapsed = duration()
        status.trainingTime = duration()
        status.modelDigest = flip() ? digest() : nil
        status.message = text()
        return status
    }

    mutating func model() -> ModelSpecification {
        ModelSpecification(
            kind: text(),
            input: (0..<random.below(9)).map { _ in random.below(200) },
            classes: size(WireLimits.layerWidth),
            hidden: (0..<listCount()).map { _ in size(WireLimits.layerWidth) },
            elements: size(WireLimits.sizeCount),
            settings: settings()
        )
    }

    private mutating func training() -> TrainingSpecification {
        TrainingSpecification(
            trainer: text(),
            localEpochs: size(WireLimits.sizeCount),
            batchSize: size(WireLimits.sizeCount),
            learningRate: number(),
            momentum: number(),
            weightDecay: number(),
            maximumSteps: size(Int.max),
            settings: settings()
        )
    }

    mutating func layout() throws -> TensorLayout {
        let roles: [TensorLayout.Role] = [.parameter, .buffer, .normalization]
        return try TensorLayout(
            (0..<listCount()).map { index in
                let shape = TensorShape((0..<random.below(9)).map { _ in random.below(30) })
                return TensorLayout.Tensor(name: "\(index)" + text().prefix(60), shape: shape, role: pick(roles))
            }
        )
    }

    mutating func reference() -> ModelReference {
        ModelReference(round: round(), digest: digest(), byteCount: size(Limits.blobBytes), codec: text())
    }

    // MARK: - Fields

    mutating func flip() -> Bool { random.below(2) == 0 }

    private mutating func pick<Value>(_ values: [Value]) -> Value { values[random.below(values.count)] }

    mutating func listCount() -> Int { random.below(20) == 0 ? Limits.listCount : random.below(4) }

    /// A number with any number of bits.
    mutating func word() -> UInt64 {
        switch random.below(8) {
        case 0: 0
        case 1: .max
        default: random.next() >> UInt64(random.below(64))
        }
    }

    private mutating func count(_ limit: UInt64) -> UInt64 { random.below(10) == 0 ? limit : word() % (limit + 1) }

    mutating func size(_ limit: Int) -> Int { Int(count(UInt64(limit))) }

    private mutating func reported() -> UInt64 { count(WireLimits.reportedCount) }

    mutating func total() -> UInt64 { count(WireLimits.totalCount) }

    private mutating func duration() -> Duration { .microseconds(Int64(count(WireLimits.durationMicroseconds))) }

    mutating func number() -> Double {
        switch random.below(6) {
        case 0: 0
        case 1: .infinity
        case 2: -random.normal()
        case 3: .leastNonzeroMagnitude
        default: random.uniform() * 1e6
        }
    }

    mutating func text() -> String {
        if random.below(200) == 0 { return String(repeating: "\u{2192}", count: 1_365) + "x" }
        return (0..<random.below(12)).map { _ in String(pick(Self.scalars)) }.joined()
    }

    private mutating func settings() -> [String: Double] {
        Dictionary((0..<listCount()).map { _ in (text(), number()) }) { first, _ in first }
    }

    mutating func job() -> JobID { JobID(max(1, count(WireLimits.jobNumber))) }

    private mutating func round() -> RoundNumber { RoundNumber(UInt32(count(UInt64(WireLimits.roundNumber)))) }

    mutating func key() -> UpdateKey {
        UpdateKey(
            job: job(),
            round: round(),
            attempt: round().value,
            agent: AgentID(number: 1 + random.below(99), of: 99)
        )
    }

    mutating func digest() -> BlobDigest { BlobDigest(high: word(), low: word()) }

    mutating func reason() -> ReasonCode { pick(ReasonCode.allCases) }

    private mutating func summary(limit: UInt64) -> EvaluationSummary {
        let samples = count(limit)
        var summary = EvaluationSummary(sampleCount: samples, correctCount: count(samples), lossSum: number())
        if random.below(3) == 0 {
            let classes = 1 + random.below(AnswerCounts.maximumClasses)
            var counts = [UInt64](repeating: 0, count: classes * classes)
            counts[random.below(counts.count)] = samples
            summary.answers = AnswerCounts(classes: classes, seenClasses: random.below(classes + 1), counts: counts)
        }
        return summary
    }
}
