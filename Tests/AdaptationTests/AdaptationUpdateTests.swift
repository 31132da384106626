// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Learning
import Randomness
import Rounds
import Testing

@Suite struct AdaptationUpdateTests {
    static func layout(width: Double = 8) throws -> DeltaLayout {
        let model = try ModelArchitecture(ModelSpecification(kind: "small-cnn", settings: ["width": width]))
        return DeltaLayout(model.layout, parts: [.affine, .bias, .head])
    }

    static func update(_ shape: PromptShape?, _ layout: DeltaLayout, seed: UInt64 = 1) throws -> AdaptationUpdate {
        var generator = SeededGenerator(seed: Seed(seed))
        var state = AdaptationState(shape: shape, layout: layout)
        state.delta = state.delta.map { _ in Float(generator.normal()) * 0.1 }
        if let shape {
            state.prompt = try VisualPrompt(shape, values: (0..<shape.count).map { _ in Float(generator.normal()) })
        }
        return AdaptationUpdate(environment: 3, version: 7, state: state)
    }

    @Test(arguments: ["full", "frame:4", "patch:2:3:10:12"])
    func updatesReadBackWithinTheirPrecision(_ region: String) throws {
        let shape = try PromptShape(height: 28, width: 28, region: .init(parsing: region))
        let layout = try Self.layout()
        let update = try Self.update(shape, layout)
        let read = try AdaptationUpdate(decoding: update.encoded(), shape: shape, layout: layout)
        #expect(read.environment == 3)
        #expect(read.version == 7)
        let (prompt, original) = (try #require(read.state.prompt), try #require(update.state.prompt))
        let largest = original.values.map(abs).max() ?? 0
        for (first, second) in zip(prompt.values, original.values) { #expect(abs(first - second) <= largest / 250) }
        for (first, second) in zip(read.state.delta, update.state.delta) {
            #expect(abs(first - second) <= abs(second) / 256)
        }
        #expect(
            try AdaptationUpdate(decoding: read.encoded(), shape: shape, layout: layout).state.delta == read.state.delta
        )
    }

    @Test func aFullPromptAndADeltaStayUnderTwoKilobytes() throws {
        let shape = try PromptShape(height: 28, width: 28, region: .full)
        let bytes = try Self.update(shape, Self.layout()).encoded()
        #expect(bytes.count < AdaptationUpdate.maximumBytes)
        #expect(bytes.count == 29 + 4 + 784 + 2 * (48 + 10 + 160))
    }

    @Test func anUpdateWithoutPromptReadsBack() throws {
        let layout = try Self.layout()
        let bytes = try Self.update(nil, layout).encoded()
        #expect(try AdaptationUpdate(decoding: bytes, shape: nil, layout: layout).state.prompt == nil)
    }

    @Test func everyTruncationAndExtensionIsRefused() throws {
        let shape = try PromptShape(height: 28, width: 28, region: .frame(2))
        let layout = try Self.layout()
        let bytes = try Self.update(shape, layout).encoded()
        for count in 0..<bytes.count {
            #expect(throws: AdaptationError.self) {
                try AdaptationUpdate(decoding: Array(bytes.prefix(count)), shape: shape, layout: layout)
            }
        }
        #expect(throws: AdaptationError.self) {
            try AdaptationUpdate(decoding: bytes + [0], shape: shape, layout: layout)
        }
    }

    @Test func randomAndDamagedBytesAreRefusedOrFinite() throws {
        let shape = try PromptShape(height: 28, width: 28, region: .frame(2))
        let layout = try Self.layout()
        let bytes = try Self.update(shape, layout).encoded()
        var generator = SeededGenerator(seed: Seed(9))
        for _ in 0..<500 {
            var damaged = bytes
            for _ in 0...generator.below(4) {
                damaged[generator.below(bytes.count)] = UInt8(truncatingIfNeeded: generator.next())
            }
            if let read = try? AdaptationUpdate(decoding: damaged, shape: shape, layout: layout) {
                #expect(read.state.isFinite)
                #expect(read.state.prompt?.shape == shape)
                #expect(read.state.delta.count == layout.count)
            }
            let noise = (0..<generator.below(200)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            #expect(throws: AdaptationError.self) {
                try AdaptationUpdate(decoding: noise, shape: shape, layout: layout)
            }
        }
    }

    @Test func aPromptOrDeltaOfAnotherShapeIsRefused() throws {
        let shape = try PromptShape(height: 28, width: 28, region: .frame(2))
        let layout = try Self.layout()
        let bytes = try Self.update(shape, layout).encoded()
        let others = [
            try PromptShape(height: 28, width: 28, region: .frame(3)),
            try PromptShape(height: 27, width: 28, region: .frame(2)),
            try PromptShape(height: 28, width: 28, region: .full), nil,
        ]
        for other in others {
            let error = #expect(throws: AdaptationError.self) {
                try AdaptationUpdate(decoding: bytes, shape: other, layout: layout)
            }
            #expect(error?.code == .shapeMismatch)
        }
        let wider = try Self.layout(width: 9)
        let error = #expect(throws: AdaptationError.self) {
            try AdaptationUpdate(decoding: bytes, shape: shape, layout: wider)
        }
        #expect(error?.code == .shapeMismatch)
    }

    @Test func updatesThatAreTooLargeOrNotFiniteAreNotSent() throws {
        let layout = try Self.layout()
        let large = try PromptShape(height: 50, width: 50, region: .full)
        #expect(throws: AdaptationError.self) { try Self.update(large, layout).encoded() }
        var broken = try Self.update(nil, layout)
        broken.state.delta[0] = .infinity
        #expect(throws: AdaptationError.self) { try broken.encoded() }
    }
}
