// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Learning

@Suite struct DataSpecificationTests {
    private func code(_ body: () throws -> Void) -> LearningError.Code? {
        do {
            try body()
            return nil
        } catch { return (error as? LearningError)?.code }
    }

    @Test(arguments: [
        "glyphs", "glyphs?samples=500&test=20&part=3/20&split=dirichlet:0.5&seed=7", "idx:/data/mnist",
        "idx:relative/folder?test=0.1&part=1/1", "npz:/data/a.npz?part=2/9&split=shards:2",
        "csv:/data/a.csv?label=num&client=subject#&skip=a,3&binary=1&standardize=0&test=0.25&split=natural",
        "csv:/data/a.csv?seed=18446744073709551615", "idx:/data/mnist?part=1/10&split=labels:3",
        "idx:/data/mnist?part=1/10&split=balanced-dirichlet:0.5", "glyphs?seen=6", "npz:/data/a.npz?labelled=0.25",
        "idx:/data/mnist?limit=6000&seen=6&labelled=0.5&part=1/5&split=rare:2",
    ]) func textSurvivesARoundTrip(text: String) throws {
        let specification = try DataSpecification(parsing: text)
        #expect(specification.description == text)
        #expect(try DataSpecification(parsing: specification.description) == specification)
    }

    @Test func badTextIsRefused() {
        for text in [
            "mnist", "", "glyphs:/x", "idx", "idx:", "idx:a?part=0/3", "idx:a?part=4/3", "idx:a?part=3", "idx:a?test=1",
            "idx:a?split=random", "idx:a?split=dirichlet:0", "idx:a?split=dirichlet:x", "idx:a?split=labels:0",
            "idx:a?split=labels:x", "idx:a?split=balanced-dirichlet:0", "idx:a?seed=-1", "idx:a?seed=",
            "idx:a?seed=1&seed=1", "csv:a?binary=yes", "glyphs?samples=0", "idx:a?part=1/99999999999",
            "idx:a?split=rare:0", "idx:a?labelled=1.5", "idx:a?seen=x", "csv:a?limit=0",
        ] {
            #expect(code { _ = try DataSpecification(parsing: text) } == .invalidSpecification, "\(text)")
        }
        #expect(code { _ = try DataSpecification(parsing: "idx:a?lable=3") } == .unknownKey)
        #expect(code { _ = try DataSpecification(parsing: "glyphs?binary=1") } == .unknownKey)
        #expect(code { _ = try DataSpecification(parsing: "synthetic?seen=1") } == .unknownKey)
    }

    @Test func glyphPartsAreThoseOfTheWholeAndTheirTestSharesCoverIt() throws {
        let text = "glyphs?samples=300&test=50&split=dirichlet:0.5&seed=3"
        let whole = try DataSpecification(parsing: text).load()
        let train = try whole.requireTrain()
        let partition = try DataSplit.dirichlet(concentration: 0.5).partition(
            labels: train.labels,
            clientCount: 4,
            seed: Seed(3)
        )
        var testCount = 0
        for number in 1...4 {
            let part = try DataSpecification(parsing: "\(text)&part=\(number)/4").load()
            let expected = train.compacted(partition[number - 1])
            let own = try part.requireTrain()
            #expect(own.labels == expected.labels)
            #expect((0..<own.count).allSatisfy { own.features(of: $0) == expected.features(of: $0) })
            testCount += try part.requireTest().count
        }
        #expect(testCount == 50)
    }
}
