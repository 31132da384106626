// SPDX-License-Identifier: Apache-2.0

import Aggregation
import ModelState
import Testing
import UpdateCoding

@Suite struct HostileInputTests {
    private let all: [(String, [String: Double], [String])] = EngineDeterminismTests.plans.map {
        ($0.rule, $0.settings, $0.pre)
    }

    private func code(_ body: () throws -> Void) -> AggregationError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? AggregationError)?.code
        }
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity]) func noRulePassesOnAValueThatIsNotFinite(_ bad: Float) throws {
        for position in [0, 8] {
            var vectors = OracleMatrix.matrix(1, n: 9, d: 9000, family: "plain", f: 0).map {
                ParameterVector($0.map { Float($0) })
            }
            vectors[position][8500] = bad
            let updates = try MemoryUpdateSet(layout: Make.layout([9000]), updates: vectors)
            for (name, settings, pre) in all {
                let rule = try AggregationRegistry.rule(named: name, settings: settings, pre: pre)
                #expect(code { _ = try rule.aggregate(updates) } == .notFinite, "\(pre) \(name)")
            }
        }
    }

    @Test func screeningDropsAndReportsUpdatesThatAreNotFinite() throws {
        var rows = OracleMatrix.matrix(2, n: 9, d: 40, family: "plain", f: 0)
        let clean = [0, 1, 3, 4, 5, 6, 8].map { rows[$0] }
        rows[2] = [Double](repeating: .nan, count: 40)
        rows[7][39] = .infinity
        let updates = try Make.set(rows, weights: [1, 2, 3, 4, 5, 6, 7, 8, 9])
        for set in [updates, ForwardUpdateSet(base: updates)] as [any UpdateSet] {
            let screened = try FiniteUpdates(screening: set)
            #expect(screened.dropped == [2, 7])
            let expected = try Make.set(clean, weights: [1, 2, 4, 5, 6, 7, 9])
            for (name, settings, pre) in all where settings["f"] ?? 0 < 3 {
                let rule = try AggregationRegistry.rule(named: name, settings: settings, pre: pre)
                #expect(try rule.aggregate(screened.updates) == rule.aggregate(expected), "\(pre) \(name)")
            }
        }
        let untouched = try FiniteUpdates(screening: Make.set(clean))
        #expect(untouched.dropped.isEmpty)
        let hopeless = try Make.set([[.nan], [.infinity]])
        #expect(code { _ = try FiniteUpdates(screening: hopeless) } == .notFinite)
    }

    @Test func hugeFiniteValuesStayFinite() throws {
        let rows = OracleMatrix.matrix(3, n: 9, d: 33, family: "plain", f: 0).map { $0.map { $0 * 6e38 } }
        for (name, settings, pre) in all {
            let rule = try AggregationRegistry.rule(named: name, settings: settings, pre: pre)
            #expect(try rule.aggregate(Make.set(rows)).allSatisfy(\.isFinite), "\(pre) \(name)")
        }
    }

    @Test func updatesThatAreAllZeroGiveZero() throws {
        let zeros = [[Double]](repeating: [Double](repeating: 0, count: 20), count: 9)
        for (name, settings, pre) in all {
            let rule = try AggregationRegistry.rule(named: name, settings: settings, pre: pre)
            #expect(try rule.aggregate(Make.set(zeros)) == [Double](repeating: 0, count: 20), "\(pre) \(name)")
        }
    }

    @Test func aSingleUpdateIsItsOwnAggregate() throws {
        let row = [0.5, -0.25, 3]
        for name in AggregationRegistry.ruleNames {
            var settings: [String: Double] = [:]
            if name == "nna" { settings = ["keep": 1] }
            if name == "q-fedavg" { settings = ["q": 0, "lr": 1] }
            if name == "fedasync" { settings = ["alpha": 1] }
            if name == "geometric-median" || name == "centered-clipping" { settings = [:] }
            let updates = try Make.set([row], metadata: [UpdateMetadata(localSteps: 3, initialLoss: 1)])
            let result = try AggregationRegistry.rule(named: name, settings: settings).aggregate(updates)
            #expect(relativeError(result, row) < 1e-6, "\(name)")
        }
    }

    @Test func modelsWithoutElementsAreAggregated() throws {
        let updates = try Make.set([[], [], []], layout: try Make.layout([0, 0]))
        for name in ["fedavg", "krum", "median", "fedld"] {
            #expect(try AggregationRegistry.rule(named: name).aggregate(updates) == [])
        }
    }

    @Test func tooFewUpdatesForTheFaultyOnesIsAnError() throws {
        let updates = try Make.set([[1], [2], [3], [4]])
        for name in ["trimmed-mean", "meamed", "krum", "multi-krum", "mda", "monna", "caf", "smea"] {
            let bears = try AggregationRegistry.rule(named: name, settings: ["f": 1])
            #expect(code { _ = try bears.aggregate(updates) } == nil, "\(name)")
            let cannot = try AggregationRegistry.rule(named: name, settings: ["f": 2])
            #expect(code { _ = try cannot.aggregate(updates) } == .notEnoughUpdates, "\(name)")
            let negative = try AggregationRegistry.rule(named: name, settings: ["f": -1])
            #expect(code { _ = try negative.aggregate(updates) } == .invalidParameter, "\(name)")
        }
        for pre in ["nnm", "arc"] {
            let rule = try AggregationRegistry.rule(named: "fedavg", settings: ["f": 2], pre: [pre])
            #expect(code { _ = try rule.aggregate(updates) } == .notEnoughUpdates)
        }
        let paper = try AggregationRegistry.rule(named: "krum", settings: ["f": 1, "paper": 1])
        #expect(code { _ = try paper.aggregate(updates) } == nil)
        #expect(code { _ = try paper.aggregate(Make.set([[1], [2], [3]])) } == .notEnoughUpdates)
    }

    @Test func rulesThatWouldTakeForeverAreRefused() throws {
        let updates = try Make.set(OracleMatrix.matrix(4, n: 40, d: 3, family: "plain", f: 0))
        let rule = SmallestEigenvalueAveraging(faulty: 15)
        #expect(code { _ = try rule.aggregate(updates) } == .tooManyUpdates)
        let many = try Make.set([[Double]](repeating: [1], count: AggregationEngine.maximumGramUpdates + 1))
        #expect(code { _ = try Krum(faulty: 1).aggregate(many) } == .tooManyUpdates)
        #expect(try CoordinateMedian().aggregate(many) == [1])
    }

    @Test func weightsThatAreNotPositiveAreRefused() throws {
        for weight in [0, -1, Double.nan, .infinity] {
            #expect(code { _ = try Make.set([[1], [2]], weights: [1, weight]) } == .invalidWeight)
            let updates = WeightedSet(base: try Make.set([[1], [2]]), weight: weight)
            for name in ["fedavg", "median", "krum", "fedld"] {
                let rule = try AggregationRegistry.rule(named: name)
                #expect(code { _ = try rule.aggregate(updates) } == .invalidWeight, "\(name)")
            }
        }
    }

    @Test func setsThatDoNotFitTogetherAreRefused() throws {
        #expect(code { _ = try Make.set([[1, 2], [3]]) } == .shapeMismatch)
        #expect(code { _ = try Make.set([[1], [2]], weights: [1]) } == .shapeMismatch)
        let layout = try Make.layout([3])
        #expect(code { _ = try MemoryUpdateSet(layout: layout, updates: []) } == .noUpdates)
        let empty = SelectedUpdateSet(try Make.set([[1]]), indices: [])
        #expect(code { _ = try CoordinateMedian().aggregate(empty) } == .noUpdates)
    }

    @Test(arguments: [1, 3]) func aDecoderThatFailsStopsThePassWithItsError(_ threads: Int) throws {
        let rows = OracleMatrix.matrix(5, n: 4, d: 50_000, family: "plain", f: 0)
        let updates = FailingSet(base: try Make.set(rows), goodCoordinates: 30_000)
        for name in ["fedavg", "krum", "median"] {
            let engine = AggregationEngine(threadCount: threads)
            let rule = try AggregationRegistry.rule(named: name, engine: engine)
            #expect(throws: UpdateCodingError.self) { _ = try rule.aggregate(updates) }
        }
    }

    @Test(arguments: [1, 3]) func aSinkThatFailsStopsThePassWithItsError(_ threads: Int) throws {
        let rows = OracleMatrix.matrix(6, n: 4, d: 50_000, family: "plain", f: 0)
        let updates = try Make.set(rows)
        for name in ["fedavg", "krum", "median"] {
            let rule = try AggregationRegistry.rule(named: name, engine: AggregationEngine(threadCount: threads))
            #expect(throws: OrderError.self) {
                try rule.aggregate(updates) { start, _ in if start > 20_000 { throw OrderError() } }
            }
        }
    }

    @Test func bytesAfterTheLastCoordinateAreAnError() throws {
        let base = try Make.set(OracleMatrix.matrix(7, n: 4, d: 3000, family: "plain", f: 0))
        let updates = TrailingSet(base: base)
        for name in ["fedavg", "krum", "median", "fedld", "geometric-median"] {
            let rule = try AggregationRegistry.rule(named: name)
            #expect(throws: UpdateCodingError.self, "\(name)") { _ = try rule.aggregate(updates) }
        }
    }

    /// A set of vectors that are each one element longer than the layout says.
    private struct TrailingSet: UpdateSet {
        let base: MemoryUpdateSet
        var layout: TensorLayout { base.layout }
        var count: Int { base.count }
        func weight(at index: Int) -> Double { 1 }

        func makeDecoder(at index: Int) throws -> any UpdateDecoder {
            let longer = try Make.set([base.updates[index].elements.map { Double($0) } + [0]])
            return try longer.makeDecoder(at: 0)
        }
    }

    private struct WeightedSet: UpdateSet {
        let base: MemoryUpdateSet
        let weight: Double
        var layout: TensorLayout { base.layout }
        var count: Int { base.count }
        func weight(at index: Int) -> Double { index == 0 ? 1 : weight }
        func makeDecoder(at index: Int) throws -> any UpdateDecoder { try base.makeDecoder(at: index) }
    }

    /// A set whose last update ends too early.
    private struct FailingSet: UpdateSet {
        let base: MemoryUpdateSet
        let goodCoordinates: Int
        var layout: TensorLayout { base.layout }
        var count: Int { base.count }
        func weight(at index: Int) -> Double { 1 }

        func makeDecoder(at index: Int) throws -> any UpdateDecoder {
            guard index == count - 1 else { return try base.makeDecoder(at: index) }
            let bytes = Array(UnsafeRawBufferPointer(base.updates[index].sharedBytes.bytes)[..<(goodCoordinates * 4)])
            return TruncatedDecoder(MemoryByteSource(bytes))
        }
    }

    private final class TruncatedDecoder: UpdateDecoder {
        private let source: MemoryByteSource

        init(_ source: MemoryByteSource) { self.source = source }

        func decode(into block: UnsafeMutableBufferPointer<Float>) throws(UpdateCodingError) {
            let bytes = try source.read(block.count * 4)
            UnsafeMutableRawBufferPointer(block).copyMemory(from: bytes)
        }

        func finish() throws(UpdateCodingError) {}
    }
}
