// SPDX-License-Identifier: Apache-2.0

import Digest
import ModelState
import RoundWork
import Rounds

extension CoordinatorHost {
    func perform(_ action: AdaptationAction, of job: JobID) {
        switch action {
        case .prepare(let specification):
            later(durations.prepare) { $0.prepareAdaptation(job, specification) }
        case .store(let samples, let bytes):
            later(durations.check) { $0.store(samples, bytes) }
        case .learn(let samples, let generation):
            learnNext(samples, generation)
        case .seal(let receipt, let digests):
            var receipt = receipt
            receipt.digest = BlobDigest(hashingDigests: digests)
            later(.zero) { $0.handle(.adaptation(job, .receiptSealed(receipt))) }
        case .purge(let receipt):
            later(durations.synchronize) { host in
                host.disk.removeSamples {
                    $0.agent == receipt.agent && $0.job == job && $0.sequence <= receipt.lastSequence
                }
                host.learned = host.learned.filter { $0.agent != receipt.agent || $0.job != job }
                host.handle(.adaptation(job, .purged(receipt)))
            }
        case .release:
            served = served.filter { $0.value.job != job }
        }
    }

    private func prepareAdaptation(_ job: JobID, _ specification: JobSpecification) {
        do {
            let recipe = try JobRecipe(specification)
            let (bytes, owner) = recipe.initialVector().sharedBytes
            let source = ByteSlice(bytes, owner: owner)
            let base = ModelReference(
                round: .initial,
                digest: BlobDigest(hashing: source),
                byteCount: source.count,
                codec: "fp32"
            )
            served[base.digest] = ServedPart(job: job, bytes: source)
            let prepared = PreparedAdaptation(base: base, layout: recipe.layout, plan: "{}")
            handle(.adaptation(job, .prepared(prepared)))
        } catch {
            handle(.adaptation(job, .prepareFailed(.invalidJob, "\(error)")))
        }
    }

    private func store(_ samples: KeptSamples, _ bytes: [UInt8]) {
        let job = samples.key.job
        guard bytes.withUnsafeBytes({ BlobDigest(hashing: $0) }) == samples.digest else {
            return handle(.adaptation(job, .storeFailed(samples.key, .digestMismatch, "damaged")))
        }
        do {
            try disk.store(samples.key, bytes)
            handle(.adaptation(job, .stored(samples.key)))
        } catch {
            handle(.adaptation(job, .storeFailed(samples.key, .storageFailed, "no space left on device")))
        }
    }

    /// A pseudo cloud: an update for each batch, whose version counts the agent's batches.
    private func learnNext(_ samples: KeptSamples, _ generation: UInt32) {
        guard disk.samples[samples.key] != nil else {
            observer?.violation("S1: samples \(samples.key) are to be learnt from and are not on the disk")
            return
        }
        let before = learned.filter { $0.agent == samples.key.agent && $0.job == samples.key.job }
        if let last = before.max(), last >= samples.key {
            observer?.violation("S2: samples \(samples.key) are learnt from after \(last)")
        }
        learned.insert(samples.key)
        let version = generation << 20 + UInt32(before.count) + 1
        let data = (0..<40).map { UInt8(truncatingIfNeeded: $0 &+ Int(version)) }
        let learnt = LearntSamples(
            key: samples.key,
            environment: UInt32(samples.key.sequence % 3),
            version: version,
            digest: data.withUnsafeBytes { BlobDigest(hashing: $0) },
            data: data
        )
        later(durations.fold) { $0.handle(.adaptation(samples.key.job, .learnt(learnt))) }
    }
}
