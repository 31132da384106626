// SPDX-License-Identifier: Apache-2.0

import Digest
import EventLoop
import Ledger
import Logging
import Messaging
import Rounds

/// The stream of a device: its thread, the samples that wait, the audit log.
extension AgentDaemon {
    /// The batches that an earlier process left, as they are offered; those that the site's policy, as it is now, keeps
    /// from leaving are deleted.
    static func waiting(
        _ store: SampleStore,
        _ site: StreamSite,
        _ agent: AgentID,
        _ logger: Logger
    ) throws -> [SampleOffer] {
        let kept = try store.list().filter { $0.agent == agent }
        let withdrawn = try StreamLedger.withdraw(kept, site)
        for key in withdrawn {
            logger.warning("the samples \(key) do not leave: the site's policy does not allow it any more")
            try store.remove(key)
        }
        return try kept.filter { !withdrawn.contains($0) }.compactMap { key in
            let bytes = try store.load(key)
            guard let count = sampleCount(bytes) else {
                logger.warning("the samples \(key) are damaged and are left out")
                return nil
            }
            return SampleOffer(
                job: key.job,
                sequence: key.sequence,
                digest: bytes.withUnsafeBytes { BlobDigest(hashing: $0) },
                byteCount: bytes.count,
                sampleCount: count
            )
        }
    }

    /// The number of samples in a batch's bytes: bytes 12 and 13, see `SampleBatch`.
    private static func sampleCount(_ bytes: [UInt8]) -> Int? {
        guard bytes.count > 16, bytes.count <= Limits.sampleBatchBytes else { return nil }
        let count = Int(bytes[12]) | Int(bytes[13]) << 8
        return count > 0 ? count : nil
    }

    func beginStream(_ task: StreamTask) {
        guard runner == nil, let site, let samples else { return }
        let logger = logger
        let agent = agent
        let memories = trainer.memories
        trainer.provide(task.base) { model in
            guard let model else { return }
            let callbacks = StreamRunner.Callbacks(
                samplesReady: { self.deliver(.samplesReady($0)) },
                reported: { report in
                    self.loop.execute { self.assumeIsolated { $0.reported(report) } }
                }
            )
            do {
                let runner = try StreamRunner(
                    task,
                    model: model,
                    agent: agent,
                    site: site,
                    store: samples,
                    memories: memories,
                    logger: logger,
                    callbacks: callbacks
                )
                self.loop.execute { self.assumeIsolated { $0.begin(runner, task) } }
            } catch {
                logger.error("the stream of \(task.job) cannot be answered: \(error)")
            }
        }
    }

    private func begin(_ runner: StreamRunner, _ task: StreamTask) {
        guard self.runner == nil else { return }
        self.runner = runner
        logger.info("answers its stream for \(task.job) '\(task.name)'")
        runner.start { self.loop.execute { self.assumeIsolated { $0.runnerEnded() } } }
    }

    private func reported(_ report: StreamReport) {
        feed(.streamReported(report))
        observer?(report)
    }

    func endStream(_ end: StreamEnd) {
        let text = end.message.isEmpty ? "" : ": \(end.message)"
        logger.info("\(end.job) takes no more samples\(text)")
        runner?.stop()
        runner = nil
    }

    /// A batch is small: its pieces are queued at once.
    func sendSamples(_ offer: SampleOffer, transfer: UInt64, offset: Int) {
        guard let samples else { return }
        guard StreamLedger.isOpen(site?.policy) else {
            return logger.warning("\(offer.job)/\(offer.sequence) does not leave: the site's policy has expired")
        }
        do {
            let bytes = try samples.load(SampleKey(job: offer.job, agent: agent, sequence: offer.sequence))
            var position = offset
            while position < bytes.count {
                let end = min(position + chunkBytes, bytes.count)
                let data = ByteSlice(copying: Array(bytes[position..<end]))
                channel?.send(.chunk(BlobChunk(transfer: transfer, offset: position, data: data)))
                position = end
            }
        } catch {
            logger.error("samples cannot be read from the outbox: \(error)")
        }
    }

    func settle(_ verdict: SampleVerdict) {
        let key = SampleKey(job: verdict.job, agent: agent, sequence: verdict.sequence)
        do {
            try samples?.remove(key)
        } catch {
            logger.warning("\(key) cannot be removed from the outbox: \(error)")
        }
        if !verdict.isAccepted { runner?.refused(verdict) }
    }

    func purged(_ receipt: PurgeReceipt) {
        logger.info("\(receipt.job) deleted \(receipt.sampleCount) samples of this device")
        if let runner { return runner.purged(receipt) }
        guard let site else { return }
        do {
            try StreamLedger.note(receipt, in: site.state)
        } catch {
            logger.warning("the deletion is not in the audit log: \(error)")
        }
    }
}
