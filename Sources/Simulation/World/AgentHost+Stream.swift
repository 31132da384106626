// SPDX-License-Identifier: Apache-2.0

import Digest
import Rounds

/// A virtual device's stream: batches of pseudo-random bytes, one every so often.
public struct StreamProfile: Sendable, Hashable {
    /// The batches in it.
    public var batches: Int
    /// The time from one to the next.
    public var interval: Duration
    /// The bytes of a batch.
    public var batchBytes: Int

    /// Creates a profile.
    public init(batches: Int = 20, interval: Duration = .milliseconds(500), batchBytes: Int = 3_000) {
        self.batches = batches
        self.interval = interval
        self.batchBytes = batchBytes
    }
}

extension AgentHost {
    /// The stream that a process answers.
    struct RunningStream {
        let task: StreamTask
        var report: StreamReport
    }

    func beginStream(_ task: StreamTask) {
        guard running(task.job) == nil, profile.stream != nil else { return }
        guard held?.digest == task.base.digest else {
            observer?.violation("\(agent) is to answer its stream with a model that it does not hold")
            return
        }
        disk.nextSequence = max(disk.nextSequence, task.keptSequence + 1)
        stream = RunningStream(task: task, report: StreamReport(job: task.job))
        stream?.report.version = disk.appliedVersion
        tick(task.job)
    }

    private func running(_ job: JobID) -> RunningStream? { stream.flatMap { $0.task.job == job ? $0 : nil } }

    /// One batch, then the next one later.
    private func tick(_ job: JobID) {
        guard var current = running(job), let plan = profile.stream else { return }
        let position = disk.streamPosition
        if position < plan.batches {
            disk.streamPosition += 1
            let bytes = (0..<plan.batchBytes).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ position &* 7) }
            let offer = SampleOffer(
                job: job,
                sequence: disk.nextSequence,
                digest: bytes.withUnsafeBytes { BlobDigest(hashing: $0) },
                byteCount: bytes.count,
                sampleCount: 30
            )
            disk.nextSequence += 1
            disk.put(offer, bytes)
            current.report.chosen += 30
            current.report.sent += 30
            handle(.samplesReady(offer))
        }
        current.report.answered = UInt64(disk.streamPosition) * 300
        current.report.version = disk.appliedVersion
        current.report.isOver = disk.streamPosition >= plan.batches
        stream = current
        handle(.streamReported(current.report))
        guard !current.report.isOver else { return }
        later(plan.interval) { $0.tick(job) }
    }

    func endStream(_ end: StreamEnd) {
        if stream?.task.job == end.job { stream = nil }
    }

    func sendSamples(_ offer: SampleOffer, transfer: UInt64, offset: Int) {
        guard let bytes = disk.samples[offer.sequence]?.bytes else {
            observer?.violation("\(agent) is asked for samples \(offer.sequence) that it gave up")
            return
        }
        var position = offset
        while position < bytes.count, connection != nil {
            let end = min(position + chunkBytes, bytes.count)
            let data = ByteSlice(copying: Array(bytes[position..<end]))
            send(.chunk(BlobChunk(transfer: transfer, offset: position, data: data)))
            position = end
        }
    }

    func settle(_ verdict: SampleVerdict) {
        let key = SampleKey(job: verdict.job, agent: agent, sequence: verdict.sequence)
        if let offer = disk.samples[verdict.sequence]?.offer { observer?.settled(key, offer.digest, verdict) }
        disk.removeSamples(verdict.sequence)
    }

    func adapt(_ push: AdaptationPush) {
        guard push.version > disk.appliedVersion else { return }
        guard push.data.withUnsafeBytes({ BlobDigest(hashing: $0) }) == push.digest else {
            observer?.violation("update \(push.version) of \(agent) does not have its digest")
            return
        }
        disk.appliedVersion = push.version
    }
}
