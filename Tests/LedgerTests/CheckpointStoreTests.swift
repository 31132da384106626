// SPDX-License-Identifier: Apache-2.0

import Foundation
import ModelState
import Rounds
import Testing

@testable import Ledger

@Suite struct CheckpointStoreTests {
    private let job = JobID(3)

    private func layout() throws -> TensorLayout {
        try TensorLayout([.init(name: "w", shape: [100, 7]), .init(name: "b", shape: [7], role: .buffer)])
    }

    private func model(_ round: UInt32) throws -> ParameterVector {
        ParameterVector((0..<(try layout().elementCount)).map { Float($0) + Float(round) / 16 })
    }

    private func write(_ store: CheckpointStore, _ round: UInt32) throws {
        let metadata = ["note": String(repeating: "x", count: Int(round % 4) * 9)]
        let writer = try store.begin(job, RoundNumber(round), layout: try layout(), metadata: metadata)
        try model(round).withElements { elements in
            for start in stride(from: 0, to: elements.count, by: 101) {
                try writer.append(UnsafeBufferPointer(rebasing: elements[start..<min(elements.count, start + 101)]))
            }
        }
        try writer.finish()
    }

    @Test func theNewestAreKeptAndTheOldestFileIsWrittenOver() throws {
        let folder = try TemporaryFolder()
        let state = try StateFolder(path: folder.path)
        let store = try CheckpointStore(in: state)
        #expect(try store.latest(of: job) == nil)
        for round in 1...9 as ClosedRange<UInt32> {
            try write(store, round)
            try store.synchronize(job, RoundNumber(round))
            #expect(try store.latest(of: job) == RoundNumber(round))
            let names = folder.names(in: "jobs/job-3")
            #expect(names.filter { $0.hasPrefix("round-") }.count == min(3, Int(round)))
            #expect(names.count <= 4)
        }
        let again = try CheckpointStore(in: state)
        #expect(try again.rounds(of: job).map(\.value) == [7, 8, 9])
        for round in 7...9 as ClosedRange<UInt32> {
            let checkpoint = try again.load(job, RoundNumber(round))
            #expect(checkpoint.model == (try model(round)))
            #expect(checkpoint.layout == (try layout()))
            #expect(checkpoint.metadata["note"]?.count == Int(round % 4) * 9)
        }
        #expect { try again.load(job, RoundNumber(6)) } throws: { ($0 as? LedgerError)?.code == .notFound }
        try again.release(job)
        #expect(
            folder.names(in: "jobs/job-3") == [
                "round-000007.safetensors", "round-000008.safetensors", "round-000009.safetensors",
            ]
        )
        try again.discard(job, RoundNumber(9))
        #expect(try again.latest(of: job) == RoundNumber(8))
    }

    @Test func aWriterThatIsDroppedLeavesNothing() throws {
        let folder = try TemporaryFolder()
        let store = try CheckpointStore(in: StateFolder(path: folder.path))
        do {
            let writer = try store.begin(job, RoundNumber(1), layout: try layout())
            try [Float(1), 2].withUnsafeBufferPointer { try writer.append($0) }
        }
        #expect(try store.rounds(of: job) == [])
        #expect(folder.names(in: "jobs/job-3").allSatisfy { $0.hasPrefix("recycled-") })
        try write(store, 2)
        #expect(try store.load(job, RoundNumber(2)).model == (try model(2)))
    }

    @Test func anExportIsACopyThatStays() throws {
        let folder = try TemporaryFolder()
        let store = try CheckpointStore(in: StateFolder(path: folder.path), keeping: 1)
        try write(store, 1)
        let path = folder.path + "/model.safetensors"
        try Data(pattern(1, 100_000)).write(to: URL(fileURLWithPath: path + ".partial"))
        try store.export(job, RoundNumber(1), to: path)
        for round in 2...4 as ClosedRange<UInt32> { try write(store, round) }
        #expect(try SafetensorsFile(path: path).readVector() == (try model(1)))
        #expect(!FileManager.default.fileExists(atPath: path + ".partial"))
    }

    @Test func aDamagedCheckpointIsRefused() throws {
        let folder = try TemporaryFolder()
        let store = try CheckpointStore(in: StateFolder(path: folder.path))
        try write(store, 1)
        try FileHandle(forWritingTo: URL(fileURLWithPath: store.path(of: job, RoundNumber(1)))).truncate(atOffset: 300)
        #expect { try store.load(job, RoundNumber(1)) } throws: { ($0 as? LedgerError)?.code == .corrupt }
    }

    @Test func aFailedSynchronizeIsNotForgotten() throws {
        let folder = try TemporaryFolder()
        let store = try CheckpointStore(
            in: StateFolder(path: folder.path, files: FileCalls(hook: FailOnce(.synchronize).hook))
        )
        try write(store, 1)
        #expect(throws: LedgerError.self) { try store.synchronize(job, RoundNumber(1)) }
        #expect(throws: LedgerError.self, "the kernel reports it once only") {
            try store.synchronize(job, RoundNumber(1))
        }
        try write(store, 2)
        try store.synchronize(job, RoundNumber(2))
        try write(store, 1)
        try store.synchronize(job, RoundNumber(1))
    }

    @Test func atEveryFaultEveryNamedCheckpointIsWhole() throws {
        let runs = try FaultPlan.exhaust { plan, what in
            let folder = try TemporaryFolder()
            var finished: [UInt32] = []
            if let state = try? StateFolder(path: folder.path, files: plan.files()),
                let store = try? CheckpointStore(in: state, keeping: 2)
            {
                for round in 1...5 as ClosedRange<UInt32> {
                    guard (try? write(store, round)) != nil else { continue }
                    finished.append(round)
                    try? store.synchronize(job, RoundNumber(round))
                }
            }
            let store = try CheckpointStore(in: StateFolder(path: folder.path), keeping: 2)
            let rounds = try store.rounds(of: job).map(\.value)
            for round in rounds {
                #expect(try store.load(job, RoundNumber(round)).model == (try model(round)), "\(what)")
            }
            #expect(Set(finished.suffix(2)).isSubset(of: rounds), "\(what): \(finished) finished, \(rounds) there")
            #expect(rounds.max() ?? 0 == finished.max() ?? 0, "\(what)")
            try write(store, 9)
            #expect(try store.load(job, RoundNumber(9)).model == (try model(9)))
            #expect(try store.rounds(of: job).count <= 2)
        }
        #expect(runs > 100)
    }
}
