// SPDX-License-Identifier: Apache-2.0

import Learning
import Randomness
import Testing

@Suite struct ValidationTests {
    private static func samples(_ table: SampleTable?) -> [[Float]] {
        guard let table else { return [] }
        return (0..<table.count).map { table.features(of: $0) }
    }

    @Test func settingsAreChosenByTrainingSamplesAlone() throws {
        let whole = try DataSpecification(parsing: "glyphs?samples=100&test=30").loadWhole()
        let part = try whole.validating(on: 0.25, seed: Seed(1))
        #expect(part.train?.count == 75 && part.test?.count == 25)
        let all = Set(Self.samples(whole.train))
        #expect(Set(Self.samples(part.train) + Self.samples(part.test)) == all)
        #expect(Set(Self.samples(part.test)).isDisjoint(with: Self.samples(whole.test)))
        let again = try whole.validating(on: 0.25, seed: Seed(1))
        #expect(Self.samples(again.test) == Self.samples(part.test))
        #expect(try Self.samples(whole.validating(on: 0.25, seed: Seed(2)).test) != Self.samples(part.test))
    }

    @Test func tooFewSamplesAreRefused() throws {
        let whole = try DataSpecification(parsing: "glyphs?samples=2&test=30").loadWhole()
        #expect(throws: LearningError.self) { try whole.validating(on: 0.1, seed: Seed(1)) }
        #expect(throws: LearningError.self) { try whole.validating(on: 0.9, seed: Seed(1)) }
    }
}
