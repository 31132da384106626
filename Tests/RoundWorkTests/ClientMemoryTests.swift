// SPDX-License-Identifier: Apache-2.0

import Learning
import ModelState
import Randomness
import Rounds
import Testing
import UpdateCoding

@testable import RoundWork

struct ClientMemoryTests {
    static let layoutCount = 64

    private func task(round: UInt32, counted: CountedUpdate?, codec: String) throws -> TrainTask {
        let model = ModelSpecification(kind: "vector", elements: Self.layoutCount)
        let agent = try #require(AgentID("a"))
        return TrainTask(
            key: UpdateKey(job: JobID(1), round: RoundNumber(round), attempt: 1, agent: agent),
            base: ModelReference(
                round: RoundNumber(round - 1),
                digest: BlobDigest(high: 1, low: 2),
                byteCount: 4 * Self.layoutCount,
                codec: "fp32"
            ),
            model: model,
            layout: try ModelArchitecture(model).layout,
            training: TrainingSpecification(trainer: "none"),
            seed: UInt64(round),
            codec: codec,
            deadline: .seconds(1),
            counted: counted
        )
    }

    private func counted(_ round: UInt32) -> CountedUpdate { CountedUpdate(round: RoundNumber(round), attempt: 1) }

    private func vector(_ round: UInt32) -> ParameterVector {
        var generator = SeededGenerator(seed: Seed(UInt64(round)))
        return ParameterVector((0..<Self.layoutCount).map { _ in generator.uniformFloat() - 0.5 })
    }

    /// Codes rounds with the memory, each telling which update counted last; gives the sums of what was decoded of the
    /// counted ones and of what was to be sent.
    private func run(_ fates: [Bool], codec: String, throughDisk: Bool) throws -> ParameterVector {
        var memory = ClientMemory()
        var last: CountedUpdate?
        var owed = ParameterVector(zeros: Self.layoutCount)
        for (index, isCounted) in fates.enumerated() {
            let round = UInt32(index + 1)
            let work = try ClientWork(task(round: round, counted: last, codec: codec))
            work.settle(&memory)
            let bytes = try work.code(vector(round), state: ClientState(), memory: &memory)
            if throughDisk {
                var stored: [UInt8] = []
                memory.packed.write { stored += $0 }
                memory = try ClientMemory(PackedState(decoding: ByteSlice(copying: stored)))
            }
            owed.add(vector(round))
            guard isCounted else { continue }
            last = counted(round)
            let inner = try CodecRegistry.codec(codec)
            let decoder = try inner.makeDecoder(
                MemoryByteSource(bytes.array),
                layout: work.task.layout,
                seed: Seed(work.task.seed).deriving("code")
            )
            var decoded = ParameterVector(zeros: Self.layoutCount)
            try decoded.withMutableElements { try decoder.decode(into: $0) }
            owed.add(decoded, scale: -1)
        }
        return owed
    }

    @Test(arguments: [false, true])
    func whatWasRefusedIsStillOwed(_ throughDisk: Bool) throws {
        // Error feedback: sum of updates = sum of what counted + what is left; the last round sends nearly all of it.
        let codec = "topk:fraction=0.5+ef14"
        let mixed = try run([true, false, false, true, true, true, true], codec: codec, throughDisk: throughDisk)
        let all = try run(Array(repeating: true, count: 7), codec: codec, throughDisk: throughDisk)
        #expect(mixed.squaredNorm < 4 * all.squaredNorm + 4)
        // Without a memory what was refused is lost, and the difference grows with it.
        let fates = [true, false, false, true, true, true, true]
        let forgetful = try run(fates, codec: "topk:fraction=0.5", throughDisk: false)
        #expect(forgetful.squaredNorm > mixed.squaredNorm)
    }

    /// An agent that stopped between storing its memory and storing its update is asked for the same update again.
    @Test(arguments: [
        "topk:fraction=0.1+ef14", "ecdq:bits=2+ef21", "topk:fraction=0.1+dgc", "powersgd:rank=1",
        "ecdq:bits=2+adaptive",
    ])
    func anUpdateThatIsMadeAgainHasTheSameBytes(codec: String) throws {
        func bytes(repeating repeated: UInt32?) throws -> [[UInt8]] {
            var memory = ClientMemory()
            return try (1...5).map { (round: UInt32) in
                let last = round > 1 ? counted(round - 1) : nil
                let work = try ClientWork(task(round: round, counted: last, codec: codec))
                if round == repeated {
                    work.settle(&memory)
                    _ = try work.code(vector(round), state: ClientState(), memory: &memory)
                }
                work.settle(&memory)
                return try work.code(vector(round), state: ClientState(), memory: &memory).array
            }
        }
        let undisturbed = try bytes(repeating: nil)
        for round in [UInt32(1), 3] { #expect(try bytes(repeating: round) == undisturbed, "round \(round)") }
    }

    @Test func theMethodsStateFollowsTheUpdatesThatCounted() throws {
        var memory = ClientMemory()
        var state = ClientState()
        for (round, last, expected) in [(1, nil, nil), (2, 1, 1), (3, 1, 1), (4, 3, 3)] as [(UInt32, UInt32?, Float?)] {
            let work = try ClientWork(task(round: round, counted: last.map(counted), codec: "topk:fraction=0.5+ef14"))
            work.settle(&memory)
            #expect(memory.state.vectors["x"]?.elements.first == expected)
            state = memory.state
            state.vectors["x"] = ParameterVector([Float(round)])
            _ = try work.code(vector(round), state: state, memory: &memory)
        }
    }

    @Test func anotherCodecStartsAfresh() throws {
        var memory = ClientMemory()
        let first = try ClientWork(task(round: 1, counted: nil, codec: "topk:fraction=0.5+ef14"))
        first.settle(&memory)
        _ = try first.code(vector(1), state: ClientState(), memory: &memory)
        let second = try ClientWork(task(round: 2, counted: counted(1), codec: "topk:fraction=0.25+ef14"))
        second.settle(&memory)
        _ = try second.code(vector(2), state: ClientState(), memory: &memory)
        #expect(memory.encoder?.specification == "topk:fraction=0.25+ef14")
    }
}
