// SPDX-License-Identifier: Apache-2.0

import Reporting
import Testing

@Suite struct SweepAxisTests {
    private static func read(_ text: String) throws -> [[String]] {
        let axis = try SweepAxis(parsing: text)
        return [[axis.key]] + axis.values.map { [$0.name, $0.text] }
    }

    @Test func valuesAreSeparatedByCommasOutsideBracketsAndQuotes() throws {
        #expect(try Self.read("strategy=fedavg,fedld") == [["strategy"], ["fedavg", "fedavg"], ["fedld", "fedld"]])
        #expect(
            try Self.read("strategy=fedavg, prox:{preset: fedprox, settings: {proximal_mu: 0.1}},[1, {a: \"}\"}]")
                == [
                    ["strategy"], ["fedavg", "fedavg"],
                    ["prox", "{preset: fedprox, settings: {proximal_mu: 0.1}}"],
                    ["[1, {a: \"}\"}]", "[1, {a: \"}\"}]"],
                ]
        )
        #expect(try Self.read("name=\"a, b\",'c'") == [["name"], ["a, b", "\"a, b\""], ["c", "'c'"]])
    }

    @Test func colonsWithinPlainTextNameNothing() throws {
        #expect(
            try Self.read("codec.uplink=ecdq:bits=2,split=dirichlet:0.5")
                == [["codec.uplink"], ["ecdq:bits=2", "ecdq:bits=2"], ["split=dirichlet:0.5", "split=dirichlet:0.5"]]
        )
    }

    @Test func twoDotsAreARange() throws {
        #expect(try SweepAxis(parsing: "seed=1..3,7").values.map(\.text) == ["1", "2", "3", "7"])
        #expect(try SweepAxis(parsing: "data=../a..b").values.map(\.text) == ["../a..b"])
    }

    @Test(arguments: [
        "strategy", "=1", "a=", "a=1,,2", "a={b: 1", "a=}b", "a=[1}", "a='x", "a=3..1", "a=1..9999999", "a=1,1",
    ])
    func nonsenseIsRefused(text: String) {
        #expect(throws: ReportingError.self) { try SweepAxis(parsing: text) }
    }

    @Test func everyCombinationIsACell() throws {
        let axes = try ["strategy=fedavg,fedld", "seed=1..2", "training.learning_rate=0.1,0.2"]
            .map { try SweepAxis(parsing: $0) }
        let cells = try SweepPlan.product([SweepCell(settings: [.init("rounds", "3")])], axes)
        #expect(cells.count == 8 && Set(cells).count == 8)
        #expect(cells.map(\.seed) == [1, 1, 1, 1, 2, 2, 2, 2])
        #expect(
            cells[1].settings == [
                .init("rounds", "3"), .init("strategy", "fedavg"), .init("training.learning_rate", "0.2"),
            ]
        )
        #expect(cells[6].groupName == "fedld, learning_rate 0.1")
        #expect(cells[1].labels == cells[5].labels)
    }

    @Test func aKeyTwiceAndSeedsThatAreNoneAreRefused() throws {
        let twice = try [SweepAxis(parsing: "a=1"), SweepAxis(parsing: "a=2")]
        #expect(throws: ReportingError.self) { try SweepPlan.product([SweepCell()], twice) }
        let negative = try [SweepAxis(parsing: "seed=-1")]
        #expect(throws: ReportingError.self) { try SweepPlan.product([SweepCell()], negative) }
    }
}
