// SPDX-License-Identifier: Apache-2.0

import Digest
import Dispatch
import EventLoop
import Ledger
import Logging
import Rounds

/// Adaptation jobs: what they compute happens on their own queues, the results come back as inputs.
extension CoordinatorDaemon {
    func perform(_ action: AdaptationAction, of job: JobID) {
        let work = adaptations[job] ?? AdaptationWork(job, store: samples)
        adaptations[job] = work
        switch action {
        case .prepare(let specification):
            specifications[job] = specification
            work.queue.async {
                let result = Result { try work.prepare(specification) }
                self.loop.execute { self.assumeIsolated { $0.prepared(job, result) } }
            }
        case .store(let samples, let bytes):
            work.queue.async { self.deliver(.adaptation(job, work.store(samples, bytes))) }
        case .learn(let samples, let generation):
            let seed = specifications[job]?.seed ?? 0
            work.queue.async {
                self.deliver(.adaptation(job, .learnt(work.learn(samples, generation: generation, jobSeed: seed))))
            }
        case .seal(let receipt, let digests):
            var receipt = receipt
            receipt.digest = BlobDigest(hashingDigests: digests)
            feed(.adaptation(job, .receiptSealed(receipt)))
        case .purge(let receipt):
            work.queue.async {
                do {
                    try work.purge(receipt)
                    self.deliver(.adaptation(job, .purged(receipt)))
                } catch {
                    self.deliver(.adaptation(job, .purgeFailed(receipt, "\(error)")))
                }
            }
        case .release:
            adaptations[job] = nil
            sources = sources.filter { $0.value.job != job }
        }
    }

    private func prepared(_ job: JobID, _ result: Result<(PreparedAdaptation, source: ByteSlice), any Error>) {
        switch result {
        case .success(let (prepared, source)):
            sources[prepared.base.digest] = (job, source)
            feed(.adaptation(job, .prepared(prepared)))
        case .failure(let error):
            feed(.adaptation(job, .prepareFailed(.invalidJob, "\(error)")))
        }
    }
}
