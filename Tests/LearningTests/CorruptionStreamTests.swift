// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Learning

@Suite struct CorruptionStreamTests {
    static func table(_ count: Int) -> SampleTable {
        SampleTable(
            bytes: (0..<(count * 12)).map { UInt8(truncatingIfNeeded: $0 * 7) },
            shape: [3, 4],
            labels: (0..<count).map { Int32($0 % 5) },
            clients: (0..<count).map { Int32($0) }
        )
    }

    @Test func phasesFollowTheSchedule() throws {
        let schedule = try CorruptionSchedule(parsing: "clean*3,fog:2*4,jpeg:5*1")
        let samples = Array(try CorruptionStream(schedule, tableCount: 5, seed: Seed(1)))
        #expect(samples.map(\.phase) == [0, 0, 0, 1, 1, 1, 1, 2])
        #expect(samples.map(\.environment.description).suffix(2) == ["fog:2", "jpeg:5"])
        #expect(samples[0].environment == .clean)
        #expect(Set(samples.map(\.seed)).count == 8)
    }

    @Test func everySampleComesOnceBeforeAnyComesAgain() throws {
        let schedule = try CorruptionSchedule(parsing: "clean*14,fog:1*6")
        let indices = try CorruptionStream(schedule, tableCount: 7, seed: Seed(2)).map(\.index)
        #expect(Set(indices[0..<7]) == Set(0..<7))
        #expect(Set(indices[7..<14]) == Set(0..<7))
        #expect(Array(indices[0..<7]) != Array(indices[7..<14]))
    }

    @Test func theSeedNamesTheStream() throws {
        let schedule = try CorruptionSchedule(samplesPerPhase: 3, seed: Seed(1))
        func stream(_ seed: UInt64) throws -> [StreamSample] {
            Array(try CorruptionStream(schedule, tableCount: 50, seed: Seed(seed)))
        }
        #expect(try stream(1) == stream(1))
        #expect(try stream(1).map(\.index) != stream(2).map(\.index))
    }

    @Test func schedulesGoThroughAllPairs() throws {
        let mixed = try CorruptionSchedule(samplesPerPhase: 2, seed: Seed(3))
        #expect(mixed.phases.count == 65 && mixed.sampleCount == 130)
        #expect(Set(mixed.phases.map(\.environment)).count == 65)
        #expect(mixed != (try CorruptionSchedule(samplesPerPhase: 2, seed: Seed(4))))
        let gradual = try CorruptionSchedule(samplesPerPhase: 2, isGradual: true, seed: Seed(3))
        #expect(gradual.phases.map(\.environment.strength) == (0..<13).flatMap { _ in [1, 2, 3, 4, 5] })
        #expect(gradual.phases.first?.environment.corruption == gradual.phases[4].environment.corruption)
    }

    @Test func textIsReadBack() throws {
        let schedule = try CorruptionSchedule(samplesPerPhase: 20, seed: Seed(3))
        #expect(try CorruptionSchedule(parsing: schedule.description) == schedule)
        #expect(try CorruptionSchedule(parsing: "clean*1").description == "clean*1")
    }

    @Test(arguments: [
        "", "fog", "fog:3", "fog*5", "fog:0*5", "fog:6*5", "fog:3*0", "fog:3*-1", "fog:3*x", "snow:3*5", "fog:3*5,",
        "clean:1*5", "fog:3:4*5", "fog:3*5*6", "fog:3*99999999999999999999",
    ])
    func badTextIsRefused(_ text: String) {
        #expect(throws: LearningError.self) { try CorruptionSchedule(parsing: text) }
    }

    @Test func impossibleStreamsAreRefused() throws {
        let schedule = try CorruptionSchedule(parsing: "clean*3")
        #expect(throws: LearningError.self) { try CorruptionStream(schedule, tableCount: 0, seed: Seed(1)) }
        #expect(throws: LearningError.self) { try CorruptionSchedule([]) }
        #expect(throws: LearningError.self) {
            try CorruptionSchedule(corruptions: [], samplesPerPhase: 1, seed: Seed(1))
        }
        #expect(throws: LearningError.self) {
            try CorruptionSchedule(strengths: [6], samplesPerPhase: 1, seed: Seed(1))
        }
        #expect(throws: LearningError.self) { try CorruptionSchedule(samplesPerPhase: 0, seed: Seed(1)) }
        let long = CorruptionSchedule.Phase(.clean, sampleCount: 1 << 30)
        #expect(throws: LearningError.self) { try CorruptionSchedule([long, long]) }
    }

    @Test func aStreamMakesATable() throws {
        let table = Self.table(6)
        let schedule = try CorruptionSchedule(parsing: "clean*4,gaussian-noise:5*5")
        let stream = try CorruptionStream(schedule, tableCount: 6, seed: Seed(9))
        let made = try table.corrupted(by: stream)
        let samples = Array(stream)
        #expect(made.count == 9 && made.shape == [3, 4])
        #expect(made.labels == samples.map { table.labels[$0.index] })
        #expect(made.clients == samples.map { Int32($0.index) })
        let corruptor = try ImageCorruptor(shape: table.shape)
        for (position, sample) in samples.enumerated() {
            var expected = table.features(of: sample.index)
            if let corruption = sample.environment.corruption {
                expected = corruptor.corrupted(expected, by: corruption, strength: 5, seed: sample.seed)
            }
            for (left, right) in zip(made.features(of: position), expected) {
                #expect(abs(left - right) <= 0.5001 / 255)
            }
        }
    }

    @Test func aCleanTableStaysWhatItWas() throws {
        let table = Self.table(4)
        let made = try table.corrupted(in: .clean, seed: Seed(1))
        for sample in 0..<4 { #expect(made.features(of: sample) == table.features(of: sample)) }
    }

    @Test func floatsStayFloats() throws {
        let table = SampleTable(floats: (0..<24).map { Float($0) / 24 }, shape: [3, 4], labels: [0, 1])
        let made = try table.corrupted(in: StreamEnvironment(.brightness, strength: 1), seed: Seed(1))
        for (left, right) in zip(made.features(of: 1), table.features(of: 1)) {
            #expect(abs(left - min(right + 0.1, 1)) < 1e-6)
        }
        let column = SampleTable(floats: [1, 2], shape: [1], labels: [0, 1])
        #expect(throws: LearningError.self) { try column.corrupted(in: .clean, seed: Seed(1)) }
    }
}
