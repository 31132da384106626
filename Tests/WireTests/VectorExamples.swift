// SPDX-License-Identifier: Apache-2.0
import ModelState
import Rounds

/// The messages that the vectors show, as Swift values.
enum VectorExamples {
    static let digest1 = BlobDigest(high: 0x0001_0203_0405_0607, low: 0x0809_0a0b_0c0d_0e0f)
    static let digest2 = BlobDigest(high: 0x99aa_06d3_0147_98d8, low: 0x6001_c324_468d_497f)
    static let key = UpdateKey(
        job: JobID(7),
        round: RoundNumber(3),
        attempt: 1,
        agent: AgentID(number: 2, of: 9)
    )

    static func base(round: UInt32 = 2) -> ModelReference {
        ModelReference(round: RoundNumber(round), digest: digest1, byteCount: 31_400, codec: "fp32")
    }

    /// What agents and operators send, by the vector's name.
    static let agent: [String: AgentMessage] = [
        "heartbeat": .heartbeat,
        "goodbye": .goodbye(Goodbye(.shuttingDown, "the coordinator stops")),
        "goodbye with retry": .goodbye(Goodbye(.overloaded, "\u{fc}berlastet", retryAfter: .seconds(30))),
        "goodbye with retry at once": .goodbye(Goodbye(.replaced, "", retryAfter: .zero)),
        "chunk": .chunk(BlobChunk(transfer: 5, offset: 1_048_576, data: ByteSlice(copying: Array("tributary".utf8)))),
        "first chunk": .chunk(BlobChunk(transfer: 300, offset: 0, data: ByteSlice(copying: Array(0..<200)))),
        "hello of an agent": .hello(
            Hello(
                agent: "agent-2",
                incarnation: 0xfedc_ba98_7654_3210,
                codecs: ["fp32", "ecdq:bits=2"],
                labels: ["site": "k\u{f6}ln", "region": "eu"],
                resources: ["samples": 600, "cores": 2],
                software: "tributary 0.1"
            )
        ),
        "hello of an operator": .hello(Hello(oldestVersion: 1, newestVersion: 2, role: .operator)),
        "blob request": .blobRequest(BlobRequest(transfer: 1, digest: digest1, offset: 262_144)),
        "progress": .progress(TaskProgress(key: key, steps: 40, totalSteps: 190)),
        "offer": .offer(
            UpdateOffer(
                key: key,
                digest: digest2,
                byteCount: 31_400,
                codec: "fp32",
                weight: 600,
                steps: 19,
                trainedSamples: 600,
                loss: 0.6931471805599453,
                trainingTime: .microseconds(1_234_567),
                base: digest1
            )
        ),
        "offer of an unknown base": .offer(
            UpdateOffer(key: key, digest: digest1, byteCount: 4, codec: "fp32", weight: 0.5)
        ),
        "offer with a score": .offer(
            UpdateOffer(key: key, digest: digest1, byteCount: 4, codec: "fp32", weight: 0.5, uncertainty: 0.625)
        ),
        "offer with a score of zero": .offer(
            UpdateOffer(key: key, digest: digest1, byteCount: 4, codec: "fp32", weight: 0.5, uncertainty: 0)
        ),
        "evaluation": .evaluation(
            EvaluationReport(
                job: JobID(7),
                round: RoundNumber(3),
                outcome: EvaluationSummary(sampleCount: 120, correctCount: 97, lossSum: 31.5)
            )
        ),
        "evaluation of classes without labels": .evaluation(
            EvaluationReport(
                job: JobID(7),
                round: RoundNumber(3),
                outcome: EvaluationSummary(
                    sampleCount: 306,
                    correctCount: 200,
                    lossSum: 0.5,
                    answers: AnswerCounts(classes: 3, seenClasses: 2, counts: [100, 1, 0, 0, 100, 2, 3, 0, 100])
                )
            )
        ),
        "evaluation of no samples": .evaluation(
            EvaluationReport(job: JobID(7), round: .initial, outcome: EvaluationSummary())
        ),
        "task failed": .taskFailed(
            TaskFailure(key: key, reason: .unusableData, message: "label 12 of 10 classes")
        ),
        "submit": .operatorRequest(.submit(specification: #"{"name": "glyphs", "rounds": 10}"#)),
        "list": .operatorRequest(.list),
        "status": .operatorRequest(.status(JobID(7))),
        "watch": .operatorRequest(.watch(JobID(7))),
        "cancel a job": .operatorRequest(.cancel(JobID(300))),
        "purge": .operatorRequest(.purge(key.agent, JobID(7))),
        "purge of all jobs": .operatorRequest(.purge(key.agent, nil)),
        "holdings": .operatorRequest(.holdings(key.agent)),
        "stream report": .streamReport(report),
        "sample offer": .sampleOffer(
            SampleOffer(job: JobID(7), sequence: 300, digest: digest2, byteCount: 2_402, sampleCount: 3)
        ),
    ]

    static var report: StreamReport {
        var report = StreamReport(job: JobID(7))
        (report.answered, report.labelled, report.correct) = (900, 600, 480)
        (report.chosen, report.sent, report.version) = (90, 60, 20)
        (report.rollbacks, report.environments, report.awaitedSequence) = (1, 4, 21)
        report.uncertainty = 0.375
        report.isOver = true
        report.withheld = ["day-spent": 30]
        return report
    }

    static let receipt = PurgeReceipt(
        job: JobID(7),
        agent: AgentID(number: 2, of: 9),
        number: 1,
        lastSequence: 300,
        batchCount: 20,
        sampleCount: 60,
        byteCount: 48_040,
        digest: digest1
    )

    /// What coordinators send, by the vector's name, but for what both sides send.
    static func coordinator() throws -> [String: CoordinatorMessage] {
        try training().merging(devices()) { first, _ in first }
    }

    /// What coordinators send devices, and operators about them.
    private static func devices() throws -> [String: CoordinatorMessage] {
        [
            "samples": .operatorReply(
                .samples(
                    [
                        SampleHolding(
                            job: JobID(7),
                            agent: AgentID(number: 1, of: 9),
                            batchCount: 2,
                            sampleCount: 6,
                            byteCount: 4_804,
                            lastSequence: 3
                        )
                    ],
                    [receipt]
                )
            ),
            "stream": .stream(
                StreamTask(
                    job: JobID(7),
                    name: "night-shift",
                    base: base(round: 0),
                    model: ModelSpecification(kind: "vector", input: [1], classes: 1, hidden: [], elements: 2_500),
                    layout: try TensorLayout([TensorLayout.Tensor(name: "vector", shape: [2_500])]),
                    plan: #"{"batch_size":30}"#,
                    seed: 0x0123_4567_89ab_cdef,
                    keptSequence: 299
                )
            ),
            "sample request": .sampleRequest(
                SampleRequest(job: JobID(7), sequence: 300, transfer: 1 << 63 | 5, offset: 1_024)
            ),
            "samples held": .sampleVerdict(SampleVerdict(job: JobID(7), sequence: 300, isAccepted: true)),
            "samples refused": .sampleVerdict(
                SampleVerdict(
                    job: JobID(7),
                    sequence: 301,
                    isAccepted: false,
                    reason: .allowanceSpent,
                    message: "10 kB a day"
                )
            ),
            "adaptation": .adaptation(
                AdaptationPush(job: JobID(7), sequence: 300, version: 20, digest: digest2, data: [0x54, 0x41, 0, 255])
            ),
            "nothing learnt": .adaptation(AdaptationPush(job: JobID(7), sequence: 301)),
            "stream end": .streamEnd(StreamEnd(job: JobID(7), reason: .jobCancelled, message: "cancelled")),
            "samples purged": .samplesPurged(receipt),
        ]
    }

    private static func training() throws -> [String: CoordinatorMessage] {
        [
            "welcome": .welcome(Welcome()),
            "train": .train(try train()),
            "evaluate": .evaluate(
                EvaluateTask(
                    job: JobID(7),
                    base: base(round: 0),
                    model: ModelSpecification(kind: "vector", input: [1], classes: 1, hidden: [], elements: 2_500),
                    layout: try TensorLayout([TensorLayout.Tensor(name: "vector", shape: [2_500])])
                )
            ),
            "upload request": .uploadRequest(UploadRequest(key: key, transfer: 9, offset: 16_384)),
            "accepted": .verdict(UpdateVerdict(key: key, isAccepted: true)),
            "refused": .verdict(
                UpdateVerdict(key: key, isAccepted: false, reason: .normTooLarge, message: "norm 12.5, the bound is 10")
            ),
            "round committed": .roundCommitted(RoundCommitted(job: JobID(7), round: RoundNumber(3))),
            "cancel a task": .cancel(TaskCancellation(key: key, reason: .roundFull)),
            "jobs": .operatorReply(.jobs([status(), JobStatus(job: JobID(8), name: "next", totalRounds: 3)])),
            "no jobs": .operatorReply(.jobs([])),
            "event": .operatorReply(.event(JobEvent(kind: .roundCommitted, status: status(), message: "round 3"))),
            "refused request": .operatorReply(.refused(.unknownJob, message: "no job-9")),
        ]
    }

    static func train() throws -> TrainTask {
        TrainTask(
            key: key,
            base: base(),
            model: ModelSpecification(kind: "mlp", hidden: [64, 300], settings: ["depth": 2.5]),
            layout: try TensorLayout([
                TensorLayout.Tensor(name: "layer1.weight", shape: [64, 784]),
                TensorLayout.Tensor(name: "layer1.norm", shape: [64], role: .normalization),
                TensorLayout.Tensor(name: "steps", shape: [], role: .buffer),
            ]),
            training: TrainingSpecification(
                localEpochs: 2,
                learningRate: 0.05,
                momentum: 0.9,
                weightDecay: 0.0001,
                maximumSteps: 100,
                settings: ["mu": 0.01]
            ),
            seed: 0x0123_4567_89ab_cdef,
            codec: "fp32",
            deadline: .seconds(600)
        )
    }

    private static func status() -> JobStatus {
        var status = JobStatus(job: JobID(7), name: "glyphs", totalRounds: 10)
        status.phase = .running
        status.round = RoundNumber(3)
        status.connectedAgents = 5
        status.evaluatedRound = RoundNumber(2)
        status.evaluation = EvaluationSummary(sampleCount: 600, correctCount: 571, lossSum: 88.25)
        status.acceptedUpdates = 15
        status.refusedUpdates = 1
        status.bytesUp = 3_140_000
        status.bytesDown = 6_280_000
        status.trainedSamples = 9_000
        status.elapsed = .milliseconds(12_500)
        status.trainingTime = .microseconds(9_000_001)
        status.modelDigest = digest2
        status.message = "round 4 of 10"
        return status
    }
}
