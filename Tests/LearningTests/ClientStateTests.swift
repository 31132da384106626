// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Learning
@testable import ModelState

@Suite struct ClientStateTests {
    private func state(_ names: [String], count: Int = 5) -> ClientState {
        var generator = SeededGenerator(seed: Seed(4))
        var state = ClientState()
        for name in names {
            state.vectors[name] = ParameterVector((0..<count).map { _ in Float(generator.normal()) })
        }
        return state
    }

    @Test func statesSurviveTheirBytes() throws {
        for names in [[], ["moon.previous"], ClientState.names] as [[String]] {
            let state = state(names)
            #expect(try ClientState(decoding: state.encoded(), elementCount: 5) == state)
            #expect(state.isEmpty == names.isEmpty)
        }
        var small = ClientState()
        small.vectors[ClientState.normalisation] = ParameterVector([-0.0, .leastNonzeroMagnitude])
        #expect(try ClientState(decoding: small.encoded(), elementCount: 9) == small)
    }

    @Test func theBytesAreThoseOfTheFormat() {
        var state = ClientState()
        state.vectors["scaffold.control"] = ParameterVector([1])
        state.vectors["moon.previous"] = ParameterVector([-2, 0.5])
        let expected: [UInt8] =
            Array("TRCS".utf8) + [1, 0, 0, 0, 2, 0, 0, 0]
            + [13, 0, 0, 0] + Array("moon.previous".utf8) + [2, 0, 0, 0, 0, 0, 0, 0]
            + [0, 0, 0, 0xC0, 0, 0, 0, 0x3F]
            + [16, 0, 0, 0] + Array("scaffold.control".utf8) + [1, 0, 0, 0, 0, 0, 0, 0] + [0, 0, 0x80, 0x3F]
        #expect(state.encoded() == expected)
    }

    @Test func everyTruncationIsRefused() {
        let bytes = state(ClientState.names, count: 3).encoded()
        for length in 0..<bytes.count {
            #expect(
                learningErrorCode { _ = try ClientState(decoding: Array(bytes[..<length]), elementCount: 3) }
                    == .malformedFile
            )
        }
        #expect(learningErrorCode { _ = try ClientState(decoding: bytes + [0], elementCount: 3) } == .malformedFile)
    }

    @Test func damagedBytesAreRefusedOrDecodeToAState() {
        let bytes = state(ClientState.names, count: 3).encoded()
        var generator = SeededGenerator(seed: Seed(8))
        var refusals = 0
        for _ in 0..<2000 {
            var damaged = bytes
            for _ in 0...generator.below(3) { damaged[generator.below(bytes.count)] = UInt8(generator.below(256)) }
            do {
                let state = try ClientState(decoding: damaged, elementCount: 3)
                #expect(state.vectors.values.allSatisfy { $0.count <= 3 && $0.isFinite })
            } catch {
                #expect(error is LearningError)
                refusals += 1
            }
        }
        #expect(refusals > 500)
        for _ in 0..<500 {
            let noise = (0..<generator.below(80)).map { _ in UInt8(generator.below(256)) }
            #expect(throws: LearningError.self) { try ClientState(decoding: noise, elementCount: 3) }
        }
    }

    @Test func boastfulCountsTakeNoMemory() {
        var vectors: [UInt8] = Array("TRCS".utf8) + [1, 0, 0, 0, 1, 0, 0, 0]
        vectors += [13, 0, 0, 0] + Array("moon.previous".utf8)
        for count in [4, UInt64(1) << 40, .max] {
            let boast = vectors + (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * UInt64($0))) }
            #expect(learningErrorCode { _ = try ClientState(decoding: boast, elementCount: 3) } == .malformedFile)
            #expect(learningErrorCode { _ = try ClientState(decoding: boast, elementCount: .max) } == .malformedFile)
        }
        var many = Array("TRCS".utf8) + [1, 0, 0, 0, 255, 255, 255, 255]
        #expect(learningErrorCode { _ = try ClientState(decoding: many, elementCount: 3) } == .malformedFile)
        many[4] = 2
        #expect(learningErrorCode { _ = try ClientState(decoding: many, elementCount: 3) } == .unsupportedType)
    }

    @Test func repeatedUnknownAndInfiniteVectorsAreRefused() {
        let good = state(["moon.previous"], count: 1).encoded()
        let vector = Array(good[12...])
        let twice = Array(good[..<8]) + [2, 0, 0, 0] + vector + vector
        #expect(learningErrorCode { _ = try ClientState(decoding: twice, elementCount: 3) } == .malformedFile)
        var unknown = good
        unknown[16] = UInt8(ascii: "n")
        #expect(learningErrorCode { _ = try ClientState(decoding: unknown, elementCount: 3) } == .malformedFile)
        let infinite = Array(good.dropLast(4)) + [0, 0, 0x80, 0x7F]
        #expect(learningErrorCode { _ = try ClientState(decoding: infinite, elementCount: 3) } == .malformedFile)
    }

    @Test func namesAreInAscendingOrder() {
        #expect(ClientState.names == ClientState.names.sorted())
    }
}
