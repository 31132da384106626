// SPDX-License-Identifier: Apache-2.0

import ModelState
import Rounds

/// Is told what happens in a virtual world by the shells, not by the state machines under test.
protocol WorldObserver: AnyObject {
    /// An agent finished an update.
    func produced(_ offer: UpdateOffer, delta: ParameterVector)
    /// The coordinator told an agent that its update counts.
    func acknowledged(_ key: UpdateKey)
    /// The coordinator calls a round's model the current one.
    func committed(_ job: JobID, _ round: RoundNumber, model: BlobDigest)
    /// A round is said to be on stable storage.
    func durable(_ job: JobID, _ round: RoundNumber)
    /// The coordinator's process ended.
    func crashed(losingPower: Bool)
    /// A new process has read the disk.
    func recovered(_ jobs: [RecoveredJob], journal: [JournalEntry])
    /// An agent gave up a batch of samples for what the coordinator said of it.
    func settled(_ key: SampleKey, _ digest: BlobDigest, _ verdict: SampleVerdict)
    /// A shell saw what cannot be.
    func violation(_ text: String)
}

extension WorldObserver {
    func settled(_ key: SampleKey, _ digest: BlobDigest, _ verdict: SampleVerdict) {}
}
