// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Digest
import Dispatch
import EventLoop
import FoundationEssentials
import Learning
import Ledger
import Logging
import ModelState
import Randomness
import Rounds

/// Answers a device's stream on a thread of its own: batch after batch, with what is in force; puts what may leave into
/// the outbox; applies what the cloud learnt between two batches.
final class StreamRunner: @unchecked Sendable {
    // Sendable: everything but the mailbox belongs to the stream's thread once it runs.

    /// What the runner tells the agent.
    struct Callbacks: Sendable {
        var samplesReady: @Sendable (SampleOffer) -> Void
        var reported: @Sendable (StreamReport) -> Void
    }

    /// How long a stream that waits is held up by an answer that does not come.
    private static let patience: Duration = .seconds(60)
    private static let reportInterval: Duration = .seconds(1)
    private static let saveInterval: Duration = .seconds(1)

    private let task: StreamTask
    private let mailbox = StreamMailbox()
    private let memories: AgentMemoryStore
    private let logger: Logger
    private let callbacks: Callbacks
    private let samplesPerSecond: Double?
    private var stream: any SampleStream
    private var device: DeviceEnd
    private var ledger: StreamLedger
    private var report: StreamReport
    private var answeredSequence: UInt64 = 0
    private var lastReport: ContinuousClock.Instant?
    private var lastSave: ContinuousClock.Instant?
    private var due: ContinuousClock.Instant?

    /// - Throws: `LearningError`, `AdaptationError`, `LedgerError`, `SpecificationError`.
    init(
        _ task: StreamTask,
        model: ParameterVector,
        agent: AgentID,
        site: StreamSite,
        store: SampleStore,
        memories: AgentMemoryStore,
        logger: Logger,
        callbacks: Callbacks
    ) throws {
        self.task = task
        self.memories = memories
        self.logger = logger
        self.callbacks = callbacks
        samplesPerSecond = site.samplesPerSecond
        stream = site.stream
        let plan = try JSONDecoder().decode(AdaptationPlan.self, from: Data(task.plan.utf8))
        let architecture = try ModelArchitecture(task.model)
        guard site.heldOut.featureCount == architecture.inputCount else {
            throw LearningError(
                .shapeMismatch,
                "the model takes \(architecture.inputCount) values a sample, the device's data has "
                    + "\(site.heldOut.featureCount)"
            )
        }
        device = try DeviceEnd(plan, model: architecture, source: model, heldOut: site.heldOut, seed: Seed(task.seed))
        ledger = try StreamLedger(task, agent: agent, site: site, store: store)
        report = StreamReport(job: task.job)
        try takeUp()
        if site.policy?.names(task.name) != true {
            logger.warning(
                "the site's policy lets no samples go to '\(task.name)': the stream is answered, nothing is sent"
            )
        }
    }

    // MARK: - From the loop

    func adapt(_ push: AdaptationPush) { mailbox.add(push) }
    func refused(_ verdict: SampleVerdict) { mailbox.add(refused: verdict) }
    func purged(_ receipt: PurgeReceipt) { mailbox.add(receipt) }
    func stop() { mailbox.stop() }

    /// Begins; `ended` is called on the stream's thread once it was stopped.
    func start(ended: @escaping @Sendable () -> Void) {
        DispatchQueue(label: "tributary.agent.stream").async { [self] in
            answerAll()
            while !mailbox.isClosed {
                mailbox.wait(atMost: .seconds(3_600))
                takeMail()
            }
            save()
            ended()
        }
    }

    // MARK: - The stream

    private func answerAll() {
        do {
            tell()
            while !mailbox.isClosed {
                takeMail()
                let piece = try stream.next(device.plan.batchSize) { [mailbox] in !mailbox.isClosed }
                guard !piece.images.isEmpty else { break }
                pace(piece)
                try answer(piece)
                if lastReport.map({ .now - $0 >= Self.reportInterval }) ?? true { tell() }
            }
        } catch {
            logger.error("the stream ends: \(error)")
        }
        guard !mailbox.isClosed else { return }
        report.isOver = true
        save()
        tell()
    }

    /// Waits until the piece would have been there.
    private func pace(_ piece: StreamPiece) {
        guard let samplesPerSecond, stream.waits else { return }
        let count = Double(piece.images.count / device.shape.count)
        let next = (due ?? .now).advanced(by: .seconds(count / samplesPerSecond))
        while !mailbox.isClosed, .now < next {
            mailbox.wait(atMost: next - .now)
            takeMail()
        }
        due = next
    }

    private func answer(_ piece: StreamPiece) throws {
        let size = device.shape.count
        let rows = piece.images.count / size
        // A sample that holds no numbers is no sample; it still has its number in the stream.
        let sound = (0..<rows).filter { row in piece.images[(row * size)..<((row + 1) * size)].allSatisfy(\.isFinite) }
        if sound.count < rows { withhold("not-finite", rows - sound.count) }
        let images =
            sound.count == rows ? piece.images : sound.flatMap { piece.images[($0 * size)..<(($0 + 1) * size)] }
        let first = Int(clamping: report.answered)
        report.answered += UInt64(rows)
        guard !images.isEmpty else { return }
        let step = try device.answer(images, first: first)
        report.uncertainty = step.uncertainty
        report.environments = UInt64(device.state.environmentCount)
        if let labels = piece.labels { count(step.logits, sound.map { labels[$0] }) }
        guard !step.chosen.isEmpty else { return }
        report.chosen += UInt64(step.chosen.count)
        try send(step.chosen.count)
    }

    private func count(_ logits: [Float], _ labels: [Int32]) {
        let classes = logits.count / max(labels.count, 1)
        for (row, label) in labels.enumerated() {
            let values = logits[(row * classes)..<((row + 1) * classes)]
            let best = values.indices.max { values[$0] < values[$1] } ?? values.startIndex
            report.labelled += 1
            if best - values.startIndex == Int(label) { report.correct += 1 }
        }
    }

    private func withhold(_ reason: String, _ count: Int) {
        report.withheld[reason, default: 0] += UInt64(count)
    }

    /// Sends what was chosen of the last batch, if the site allows it.
    private func send(_ count: Int) throws {
        guard let batch = try device.batch(fields: ledger.fields) else {
            return withhold((ledger.refusal(bytes: 0) ?? .fieldsNotAllowed).rawValue, count)
        }
        let (bytes, ranges) = batch.encoded(device.plan.coding, device.shape)
        guard bytes.count <= Limits.sampleBatchBytes else { return withhold("batch-too-large", count) }
        if let refusal = ledger.refusal(bytes: bytes.count) { return withhold(refusal.rawValue, count) }
        do {
            let offer = try ledger.send(bytes, samples: ranges, numbers: batch.samples.map(\.number))
            report.sent += UInt64(count)
            if stream.waits, samplesPerSecond == nil {
                report.awaitedSequence = offer.sequence
                callbacks.samplesReady(offer)
                waitForAnswer()
            } else {
                callbacks.samplesReady(offer)
            }
        } catch {
            logger.warning("samples stay on the device: \(error)")
            withhold("storage-failed", count)
        }
    }

    /// A stream that waits goes on with what the cloud learnt from what was just sent.
    private func waitForAnswer() {
        let end = ContinuousClock.now.advanced(by: Self.patience)
        while !mailbox.isClosed, answeredSequence < report.awaitedSequence, .now < end {
            mailbox.wait(atMost: min(Self.reportInterval, end - .now))
            takeMail()
            if lastReport.map({ .now - $0 >= Self.reportInterval }) ?? true { tell() }
        }
        if answeredSequence < report.awaitedSequence, !mailbox.isClosed {
            logger.warning("no answer to samples \(report.awaitedSequence); the stream goes on")
        }
        report.awaitedSequence = 0
    }

    // MARK: - Mail

    private func takeMail() {
        let mail = mailbox.take()
        for push in mail.pushes { apply(push) }
        for verdict in mail.refused {
            answeredSequence = max(answeredSequence, verdict.sequence)
            ledger.note(.refused, verdict.sequence, "", reason: "\(verdict.reason)")
        }
        for receipt in mail.receipts {
            answeredSequence = max(answeredSequence, receipt.lastSequence)
            ledger.note(receipt)
        }
    }

    private func apply(_ push: AdaptationPush) {
        defer { answeredSequence = max(answeredSequence, push.sequence) }
        guard !push.data.isEmpty else { return }
        guard push.data.withUnsafeBytes({ BlobDigest(hashing: $0) }) == push.digest else {
            return logger.warning("update \(push.version) arrived damaged and is not applied")
        }
        do {
            let outcome = try device.apply(push.data)
            if case .rolledBack(let before, let after) = outcome {
                logger.info("update \(push.version) is taken back: the held-out score fell from \(before) to \(after)")
            }
            report.version = device.state.version
            report.rollbacks = UInt64(device.state.rollbacks)
            if lastSave.map({ .now - $0 >= Self.saveInterval }) ?? true { save() }
        } catch let error as AdaptationError where error.code == .staleVersion {
            // Sent again after a lost connection.
        } catch {
            logger.warning("update \(push.version) is not applied: \(error)")
        }
    }

    private func tell() {
        lastReport = .now
        callbacks.reported(report)
    }

    // MARK: - Restarts

    /// What is kept beside what is in force.
    private struct Memory: Codable {
        let device: DeviceSnapshot
        let labelled: UInt64
        let correct: UInt64
        let chosen: UInt64
        let sent: UInt64
        let withheld: [String: UInt64]
    }

    private func takeUp() throws {
        guard let bytes = try memories.load(task.job) else { return }
        do {
            let memory = try JSONDecoder().decode(Memory.self, from: Data(bytes))
            try device.restore(memory.device)
            report.answered = memory.device.answered
            report.labelled = memory.labelled
            report.correct = memory.correct
            report.chosen = memory.chosen
            report.sent = memory.sent
            report.withheld = memory.withheld
            report.version = device.state.version
            report.rollbacks = UInt64(device.state.rollbacks)
            stream.skip(report.answered)
        } catch {
            logger.warning("what this device kept of \(task.job) is not used: \(error)")
        }
    }

    private func save() {
        lastSave = .now
        let memory = Memory(
            device: device.state.snapshot(answered: report.answered),
            labelled: report.labelled,
            correct: report.correct,
            chosen: report.chosen,
            sent: report.sent,
            withheld: report.withheld
        )
        do {
            let data = Array(try JSONEncoder().encode(memory))
            try memories.store(task.job) { (write) throws(LedgerError) in
                try data.withUnsafeBufferPointer { (buffer) throws(LedgerError) in
                    try write(UnsafeRawBufferPointer(buffer))
                }
            }
        } catch {
            logger.warning("what is in force could not be kept: \(error)")
        }
    }
}
