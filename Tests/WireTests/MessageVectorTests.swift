// SPDX-License-Identifier: Apache-2.0
import Rounds
import Testing

@testable import Wire

@Suite struct MessageVectorTests {
    private let vectors: VectorFile
    private let encoder = MessageEncoder()
    private let decoder = MessageDecoder()
    private let coordinatorExamples: [String: CoordinatorMessage]

    init() throws {
        vectors = try VectorFile.load()
        coordinatorExamples = try VectorExamples.coordinator()
    }

    private func coordinatorExample(_ name: String) throws -> CoordinatorMessage {
        if let example = coordinatorExamples[name] { return example }
        let shared = try #require(VectorExamples.agent[name], "\(name)")
        return try #require(CoordinatorMessage(sharedWith: shared))
    }

    @Test func everyMessageHasTheBytesOfItsVector() throws {
        for vector in vectors.messages {
            if vector.direction.isToCoordinator {
                let example = try #require(VectorExamples.agent[vector.name], "\(vector.name)")
                #expect(try encoder.encode(example).array.hexadecimal == vector.hex, "\(vector.name)")
            }
            if vector.direction.isFromCoordinator {
                let example = try coordinatorExample(vector.name)
                #expect(try encoder.encode(example).array.hexadecimal == vector.hex, "\(vector.name)")
            }
        }
        #expect(vectors.messages.count == VectorExamples.agent.count + coordinatorExamples.count)
    }

    @Test func theBytesOfEveryVectorMeanItsMessage() throws {
        for vector in vectors.messages + vectors.equivalents {
            let name = vector.sameAs ?? vector.name
            if vector.direction.isToCoordinator {
                let message = try decoder.agentMessage(vector.body)
                #expect(isSame(message, VectorExamples.agent[name]), "\(vector.name): \(String(describing: message))")
            }
            if vector.direction.isFromCoordinator {
                let message = try decoder.coordinatorMessage(vector.body)
                #expect(isSame(message, try coordinatorExample(name)), "\(vector.name): \(String(describing: message))")
            }
        }
    }

    @Test func messagesOfTheOtherDirectionAreRefused() throws {
        for vector in vectors.messages where vector.direction != .both {
            let error = #expect(throws: WireError.self, "\(vector.name)") {
                if vector.direction == .agent {
                    _ = try decoder.coordinatorMessage(vector.body)
                } else {
                    _ = try decoder.agentMessage(vector.body)
                }
            }
            #expect(error?.code == .misdirected)
            #expect(error?.reason == .protocolViolation)
        }
    }

    @Test func refusedFramesAreRefusedForTheReasonThatTheVectorNames() throws {
        #expect(vectors.refused.count >= 40)
        for vector in vectors.refused {
            if vector.direction.isToCoordinator {
                let error = #expect(throws: WireError.self, "\(vector.name)") { try decoder.agentMessage(vector.body) }
                #expect(error?.code.description == vector.code, "\(vector.name): \(String(describing: error))")
            }
            if vector.direction.isFromCoordinator {
                let error = #expect(throws: WireError.self, "\(vector.name)") {
                    try decoder.coordinatorMessage(vector.body)
                }
                #expect(error?.code.description == vector.code, "\(vector.name): \(String(describing: error))")
            }
        }
    }

    @Test func messagesOfLaterVersionsAreIgnored() throws {
        for vector in vectors.ignored {
            #expect(isSame(try decoder.agentMessage(vector.body), nil), "\(vector.name)")
            #expect(isSame(try decoder.coordinatorMessage(vector.body), nil), "\(vector.name)")
        }
    }

    @Test func reasonsOfLaterVersionsAreUnspecified() throws {
        // goodbye { reason: 999 }
        let frame = ByteSlice(copying: [0x12, 3, 0x08, 0xE7, 0x07])
        #expect(isSame(try decoder.agentMessage(frame), .goodbye(Goodbye(.unspecified, ""))))
    }

    @Test func everyReasonHasItsNumberOnTheWire() throws {
        for reason in ReasonCode.allCases {
            let frame = try encoder.encode(AgentMessage.goodbye(Goodbye(reason, ""))).array
            let expected: [UInt8] = reason == .unspecified ? [0x12, 0] : [0x12, 2, 0x08, UInt8(reason.rawValue)]
            #expect(Array(frame.dropFirst(4)) == expected)
        }
    }
}
