// SPDX-License-Identifier: Apache-2.0

/// A batch of samples that a coordinator holds on stable storage.
public struct KeptSamples: Sendable, Hashable {
    /// The batch.
    public var key: SampleKey
    /// The digest of its bytes.
    public var digest: BlobDigest
    /// Its bytes.
    public var byteCount: Int
    /// Its samples.
    public var sampleCount: Int

    /// Creates a fact.
    public init(key: SampleKey, digest: BlobDigest, byteCount: Int, sampleCount: Int) {
        self.key = key
        self.digest = digest
        self.byteCount = byteCount
        self.sampleCount = sampleCount
    }

    /// The fact that an offer becomes when its bytes are stored.
    public init(_ offer: SampleOffer, from agent: AgentID) {
        self.init(
            key: SampleKey(job: offer.job, agent: agent, sequence: offer.sequence),
            digest: offer.digest,
            byteCount: offer.byteCount,
            sampleCount: offer.sampleCount
        )
    }
}
