// SPDX-License-Identifier: Apache-2.0

import RoundWork
import Rounds

/// An agent's virtual disk: its outbox, and what it remembers of jobs.
///
/// Both are synced before the agent speaks of an update, so they survive every crash.
final class AgentDisk {
    struct Item {
        let offer: UpdateOffer
        let bytes: [UInt8]
    }

    private(set) var outbox: [UpdateKey: Item] = [:]
    private var memories: [JobID: [UInt8]] = [:]
    /// The batches of samples that wait to be taken, of the one adaptation job of a world.
    private(set) var samples: [UInt64: (offer: SampleOffer, bytes: [UInt8])] = [:]
    var nextSequence: UInt64 = 1
    var streamPosition = 0
    var appliedVersion: UInt32 = 0

    /// The offers that a new process finds, in order.
    var offers: [UpdateOffer] {
        outbox.sorted { $0.key < $1.key }.map(\.value.offer)
    }

    func put(_ offer: UpdateOffer, bytes: [UInt8]) {
        outbox[offer.key] = Item(offer: offer, bytes: bytes)
    }

    /// What the agent remembers of a job, read as a new process reads it.
    func memory(of job: JobID) throws -> ClientMemory {
        guard let bytes = memories[job] else { return ClientMemory() }
        return try ClientMemory(PackedState(decoding: ByteSlice(copying: bytes)))
    }

    func keep(_ memory: ClientMemory, of job: JobID) {
        var bytes: [UInt8] = []
        memory.packed.write { bytes += $0 }
        memories[job] = bytes
    }

    /// The batches that a new process finds, in order.
    var sampleOffers: [SampleOffer] { samples.sorted { $0.key < $1.key }.map(\.value.offer) }

    func put(_ offer: SampleOffer, _ bytes: [UInt8]) { samples[offer.sequence] = (offer, bytes) }

    func removeSamples(_ sequence: UInt64) { samples[sequence] = nil }

    func remove(_ key: UpdateKey) {
        outbox[key] = nil
    }

    /// Loses what is remembered of jobs.
    func forgetMemories() {
        memories = [:]
    }

    /// The machine comes back without its disk.
    func wipe() {
        outbox = [:]
        memories = [:]
        samples = [:]
        (nextSequence, streamPosition, appliedVersion) = (1, 0, 0)
    }
}
