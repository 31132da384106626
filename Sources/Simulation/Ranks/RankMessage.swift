// SPDX-License-Identifier: Apache-2.0

import Learning
import ModelState
import Randomness
import RoundWork
import Rounds

/// Writes what ranks tell one another: numbers of 8 or 16 bytes, and runs of bytes filled up to a multiple of 8, so
/// that floats within them are aligned.
///
/// All ranks run the same program on machines of one kind, so the form is the machine's own.
struct RankMessage {
    private(set) var bytes: [UInt8] = []

    mutating func append<Value: BitwiseCopyable>(_ value: Value) {
        precondition(MemoryLayout<Value>.size % 8 == 0, "a message stays aligned")
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }

    mutating func append(bytes run: UnsafeRawBufferPointer) {
        append(UInt64(run.count))
        bytes.append(contentsOf: run)
        bytes.append(contentsOf: repeatElement(0, count: -run.count & 7))
    }

    mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(bytes: UnsafeRawBufferPointer($0)) }
    }
}

/// Reads what another rank wrote.
struct RankMessageReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func read<Value: BitwiseCopyable>(_ type: Value.Type) -> Value {
        let size = MemoryLayout<Value>.size
        precondition(position + size <= bytes.count, "ranks run the same program")
        defer { position += size }
        return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: position, as: type) }
    }

    mutating func readBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let count = Int(read(UInt64.self))
        precondition(position + count <= bytes.count, "ranks run the same program")
        defer { position += (count + 7) & ~7 }
        return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[position..<(position + count)])) }
    }

    /// Whether everything was read.
    var isAtEnd: Bool { position == bytes.count }

    mutating func readText() -> String { readBytes { String(decoding: $0, as: UTF8.self) } }
}

// MARK: - Results of clients

extension RankMessage {
    /// Appends all of a result but the elements of an update that was not coded: these go where they are.
    mutating func append(_ result: Result<ClientUpdate, ClientFailure>) {
        switch result {
        case .failure(let failure):
            append(UInt64(0))
            append(UInt64(failure.reason.rawValue))
            append(failure.message)
        case .success(let update):
            append(UInt64(1))
            append(update.accepted)
            switch update.content {
            case .elements:
                append(UInt64(0))
            case .coded(let coded, let seed):
                append(UInt64(1))
                append(seed.value)
                append(bytes: coded.bytes)
            }
        }
    }

    private mutating func append(_ accepted: AcceptedUpdate) {
        append(UInt64(accepted.byteCount))
        append(accepted.weight)
        append(accepted.steps)
        append(accepted.trainedSamples)
        append(accepted.loss)
        append(accepted.trainingTime)
        append(accepted.initialLoss ?? .nan)
        append(UInt64(accepted.initialLoss == nil ? 0 : 1))
        append(accepted.uncertainty ?? .nan)
        append(UInt64(accepted.uncertainty == nil ? 0 : 1))
        accepted.bytesByKind.counts.withUnsafeBytes { append(bytes: $0) }
    }

    mutating func append(_ outcome: Learning.TrainingOutcome) {
        append(UInt64(outcome.sampleCount))
        append(UInt64(outcome.steps))
        append(UInt64(outcome.samplesSeen))
        append(UInt64(outcome.meanLoss == nil ? 0 : 1))
        append(outcome.meanLoss ?? 0)
    }

    mutating func append(_ node: BlockFold.Node) {
        append(UInt64(node.level))
        append(UInt64(node.index))
        node.sum.withUnsafeBytes { append(bytes: $0) }
    }

    mutating func append(_ summary: EvaluationSummary) {
        append(summary.sampleCount)
        append(summary.correctCount)
        append(summary.lossSum)
        append(UInt64(summary.answers?.classes ?? 0))
        append(UInt64(summary.answers?.seenClasses ?? 0))
        (summary.answers?.counts ?? []).withUnsafeBytes { append(bytes: $0) }
    }
}

extension RankMessageReader {
    /// The result of a task that another rank trained. What the client remembers stays where it was trained.
    ///
    /// - Parameter elements: the elements of the next update that was not coded.
    mutating func readResult(
        of task: TrainTask,
        elements: () -> ParameterVector
    ) -> Result<ClientUpdate, ClientFailure> {
        guard read(UInt64.self) == 1 else {
            let reason = ReasonCode(rawValue: UInt32(read(UInt64.self))) ?? .unspecified
            return .failure(ClientFailure(reason: reason, message: readText()))
        }
        let accepted = readAccepted(task.key)
        if read(UInt64.self) == 0 {
            return .success(ClientUpdate(accepted: accepted, content: .elements(elements()), memory: nil))
        }
        let seed = Seed(read(UInt64.self))
        let coded = readBytes { ByteSlice(copying: Array($0)) }
        return .success(ClientUpdate(accepted: accepted, content: .coded(coded, seed: seed), memory: nil))
    }

    private mutating func readAccepted(_ key: UpdateKey) -> AcceptedUpdate {
        let byteCount = Int(read(UInt64.self))
        let weight = read(Double.self)
        let steps = read(UInt64.self)
        let trainedSamples = read(UInt64.self)
        let loss = read(Double.self)
        let trainingTime = read(Duration.self)
        let initialLoss = read(Double.self)
        let hasInitialLoss = read(UInt64.self) == 1
        let uncertainty = read(Double.self)
        let hasUncertainty = read(UInt64.self) == 1
        let counts = readBytes { Array($0.bindMemory(to: UInt64.self)) }
        return AcceptedUpdate(
            key: key,
            digest: BlobDigest(high: 0, low: 0),
            byteCount: byteCount,
            weight: weight,
            steps: steps,
            trainedSamples: trainedSamples,
            loss: loss,
            trainingTime: trainingTime,
            norm: 0,
            initialLoss: hasInitialLoss ? initialLoss : nil,
            uncertainty: hasUncertainty ? uncertainty : nil,
            bytesByKind: BytesByKind(counts: counts) ?? BytesByKind()
        )
    }

    /// What a training of a cohort came to: nobody stopped it, nor asked for the loss before it.
    mutating func readOutcome() -> Learning.TrainingOutcome {
        let (samples, steps, seen) = (read(UInt64.self), read(UInt64.self), read(UInt64.self))
        let hasLoss = read(UInt64.self) == 1
        let loss = read(Double.self)
        return Learning.TrainingOutcome(
            sampleCount: Int(samples),
            steps: Int(steps),
            meanLoss: hasLoss ? loss : nil,
            wasStopped: false,
            samplesSeen: Int(seen)
        )
    }

    mutating func readNode() -> BlockFold.Node {
        let (level, index) = (Int(read(UInt64.self)), Int(read(UInt64.self)))
        return BlockFold.Node(level: level, index: index, sum: readBytes { Array($0.bindMemory(to: Double.self)) })
    }

    mutating func readSummary() -> EvaluationSummary {
        let (samples, correct) = (read(UInt64.self), read(UInt64.self))
        let loss = read(Double.self)
        let (classes, seen) = (Int(read(UInt64.self)), Int(read(UInt64.self)))
        let counts = readBytes { Array($0.bindMemory(to: UInt64.self)) }
        return EvaluationSummary(
            sampleCount: samples,
            correctCount: correct,
            lossSum: loss,
            answers: classes > 0 ? AnswerCounts(classes: classes, seenClasses: seen, counts: counts) : nil
        )
    }
}
