// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Rounds
import Testing

@testable import Simulation

struct CoordinatorDiskTests {
    static let key = UpdateKey(job: JobID(1), round: RoundNumber(1), attempt: 1, agent: AgentID(number: 1, of: 1))
    let name = CoordinatorDisk.SpoolName(key: key, digest: BlobDigest(high: 1, low: 2))
    let entry = JournalEntry.phase(JobID(1), .running, message: "")

    func append(_ count: Int, to disk: CoordinatorDisk) throws {
        try [UInt8](repeating: 7, count: count).withUnsafeBytes { try disk.append($0, to: name) }
    }

    @Test func aLossOfPowerKeepsWhatWasSyncedAndAPrefixOfTheRest() throws {
        var lengths: Set<Int> = []
        var sizes: Set<Int> = []
        for seed in UInt64(1)...200 {
            let disk = CoordinatorDisk()
            try disk.append([entry, entry])
            disk.syncJournal()
            try disk.append([entry, entry, entry])
            try append(100, to: disk)
            disk.syncSpool(name)
            try append(50, to: disk)
            var generator = SeededGenerator(seed: Seed(seed))
            disk.losePower(&generator)
            lengths.insert(disk.journal.count)
            sizes.insert(disk.heldBytes(name))
            #expect(disk.spools[name]?.bytes.prefix(100).allSatisfy { $0 == 7 } == true)
            let tail = Array(disk.spools[name]?.bytes.dropFirst(100) ?? [])
            let zeros = tail.firstIndex(of: 0) ?? tail.count
            #expect(tail[zeros...].allSatisfy { $0 == 0 }, "a torn write ends in zeros")
        }
        #expect(lengths == [2, 3, 4, 5])
        #expect(sizes.min() ?? 0 >= 100 && sizes.contains(150) && sizes.count > 20)
    }

    @Test func unsyncedModelsMayBeLostOrDamagedSyncedOnesNot() throws {
        var outcomes: Set<String> = []
        for seed in UInt64(1)...60 {
            let disk = CoordinatorDisk()
            let first = CoordinatorDisk.CheckpointName(job: JobID(1), round: RoundNumber(1))
            let second = CoordinatorDisk.CheckpointName(job: JobID(1), round: RoundNumber(2))
            let model = ParameterVector([1, 2, 3])
            for name in [first, second] { try disk.write(model, to: name) }
            disk.syncCheckpoint(first)
            var generator = SeededGenerator(seed: Seed(seed))
            disk.losePower(&generator)
            #expect(disk.checkpoints[first]?.model == model)
            outcomes.insert(disk.checkpoints[second].map { $0.model == model ? "kept" : "damaged" } ?? "lost")
        }
        #expect(outcomes == ["kept", "damaged", "lost"])
    }

    @Test func aFullDiskRefusesAndKeepsAShortWrite() throws {
        let disk = CoordinatorDisk()
        disk.isFull = true
        #expect(throws: CoordinatorDisk.FullError.self) { try disk.append([entry]) }
        #expect(throws: CoordinatorDisk.FullError.self) { try append(100, to: disk) }
        #expect(disk.journal.isEmpty && disk.heldBytes(name) == 50)
        disk.isFull = false
        try append(10, to: disk)
        #expect(disk.heldBytes(name) == 60)
    }
}
