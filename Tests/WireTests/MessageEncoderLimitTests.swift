// SPDX-License-Identifier: Apache-2.0
import ModelState
import Rounds
import Testing

@testable import Wire

@Suite struct MessageEncoderLimitTests {
    private let encoder = MessageEncoder()
    private let decoder = MessageDecoder()

    private func refusal(_ message: AgentMessage) -> WireError.Code? {
        var output: [UInt8] = [1, 2, 3]
        do throws(WireError) {
            _ = try encoder.append(message, to: &output)
            return nil
        } catch {
            #expect(output == [1, 2, 3], "what was there stays as it was")
            return error.code
        }
    }

    private func coordinatorRefusal(_ message: CoordinatorMessage) -> WireError.Code? {
        var output: [UInt8] = []
        do throws(WireError) {
            _ = try encoder.append(message, to: &output)
            return nil
        } catch {
            #expect(output.isEmpty)
            return error.code
        }
    }

    @Test func linesForPeopleAreCutAtACharacter() throws {
        let long = String(repeating: "\u{1f40c}", count: 3_000) + "\0"
        let frame = try encoder.encode(AgentMessage.goodbye(Goodbye(.silent, long))).array
        let decoded = try decoder.agentMessage(ByteSlice(copying: Array(frame.dropFirst(4))))
        let kept = String(repeating: "\u{1f40c}", count: Limits.textBytes / 4)
        #expect(isSame(decoded, .goodbye(Goodbye(.silent, kept))))

        let zero = try encoder.encode(AgentMessage.goodbye(Goodbye(.silent, "a\0b"))).array
        #expect(
            isSame(
                try decoder.agentMessage(ByteSlice(copying: Array(zero.dropFirst(4)))),
                .goodbye(Goodbye(.silent, "ab"))
            )
        )
    }

    @Test func textsWithAMeaningAreNotCut() {
        let long = String(repeating: "c", count: Limits.textBytes + 1)
        #expect(refusal(.hello(Hello(codecs: [long]))) == .limitExceeded)
        #expect(refusal(.hello(Hello(labels: ["region": long]))) == .limitExceeded)
        #expect(refusal(.hello(Hello(agent: "a\0"))) == .invalidField)
        #expect(refusal(.hello(Hello(codecs: [String(long.dropLast())]))) == nil)
        let jobFile = String(repeating: " ", count: Limits.jobFileBytes)
        #expect(refusal(.operatorRequest(.submit(specification: jobFile))) == nil)
        #expect(refusal(.operatorRequest(.submit(specification: jobFile + " "))) == .limitExceeded)
    }

    @Test func listsPastTheirLimitAreRefused() throws {
        let names = (0...Limits.listCount).map { "n\($0)" }
        #expect(refusal(.hello(Hello(codecs: names))) == .limitExceeded)
        #expect(refusal(.hello(Hello(codecs: names.dropLast()))) == nil)
        let settings = Dictionary(uniqueKeysWithValues: names.map { ($0, 1.0) })
        #expect(refusal(.hello(Hello(resources: settings))) == .limitExceeded)
        let jobs = (0...WireLimits.listedJobs).map { JobStatus(job: JobID(UInt64($0) + 1), name: "", totalRounds: 1) }
        #expect(coordinatorRefusal(.operatorReply(.jobs(jobs))) == .limitExceeded)
        #expect(coordinatorRefusal(.operatorReply(.jobs(jobs.dropLast()))) == nil)
    }

    @Test func theSmallestEntriesOfTheLongestListsCanBeRead() throws {
        let jobs = (1...WireLimits.listedJobs).map { JobStatus(job: JobID(UInt64($0)), name: "", totalRounds: 0) }
        let list = try encoder.encode(CoordinatorMessage.operatorReply(.jobs(jobs)))
        #expect(
            isSame(
                try decoder.coordinatorMessage(ByteSlice(copying: Array(list.header.dropFirst(4)))),
                .operatorReply(.jobs(jobs))
            )
        )

        let tensors = (0..<TensorLayout.maximumTensorCount).map {
            TensorLayout.Tensor(name: String($0, radix: 36), shape: [])
        }
        let task = EvaluateTask(
            job: JobID(1),
            base: VectorExamples.base(),
            model: ModelSpecification(),
            layout: try TensorLayout(tensors)
        )
        let frame = try encoder.encode(.evaluate(task))
        #expect(
            isSame(
                try decoder.coordinatorMessage(ByteSlice(copying: Array(frame.header.dropFirst(4)))),
                .evaluate(task)
            )
        )
    }

    @Test func chunksPastTheirLimitAreRefused() {
        let data = ByteSlice(copying: [UInt8](repeating: 1, count: Limits.chunkBytes + 1))
        #expect(refusal(.chunk(BlobChunk(transfer: 1, offset: 0, data: data))) == .limitExceeded)
        let byte = ByteSlice(copying: [1])
        #expect(refusal(.chunk(BlobChunk(transfer: 1, offset: -1, data: byte))) == .invalidField)
        let end = Limits.blobBytes
        #expect(refusal(.chunk(BlobChunk(transfer: 1, offset: end, data: byte))) == .invalidField)
        #expect(refusal(.chunk(BlobChunk(transfer: 1, offset: end - 1, data: byte))) == nil)
        let nothing = ByteSlice(copying: [])
        #expect(refusal(.chunk(BlobChunk(transfer: 1, offset: 0, data: nothing))) == .invalidField)
    }

    @Test func numbersOutsideTheirRangeAreRefused() {
        let key = VectorExamples.key
        #expect(refusal(.progress(TaskProgress(key: key, steps: .max, totalSteps: 0))) == .invalidField)
        #expect(
            refusal(.blobRequest(BlobRequest(transfer: 1, digest: VectorExamples.digest1, offset: -1)))
                == .invalidField
        )
        #expect(refusal(.operatorRequest(.status(JobID(0)))) == .invalidField)
        let lastRound = RoundCommitted(job: JobID(1), round: RoundNumber(.max))
        #expect(coordinatorRefusal(.roundCommitted(lastRound)) == .invalidField)
        #expect(coordinatorRefusal(.welcome(Welcome(chunkBytes: 0))) == .invalidField)
        #expect(coordinatorRefusal(.welcome(Welcome(chunkBytes: Limits.chunkBytes + 1))) == .invalidField)
    }

    @Test func messagesPastTheLongestFrameAreRefused() throws {
        let tensors = (0..<40_000).map { index in
            TensorLayout.Tensor(name: "\(index)" + String(repeating: "t", count: 240), shape: [1])
        }
        let task = EvaluateTask(
            job: JobID(1),
            base: VectorExamples.base(),
            model: ModelSpecification(),
            layout: try TensorLayout(tensors)
        )
        #expect(coordinatorRefusal(.evaluate(task)) == .limitExceeded)
        #expect(refusal(.heartbeat) == nil, "the encoder can be used on")
    }
}
