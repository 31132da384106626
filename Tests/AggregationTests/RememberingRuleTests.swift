// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Testing
import UpdateCoding

@testable import Aggregation

/// The rules and optimizers whose formulas have the number of all clients.
struct RememberingRuleTests {
    private let layout: TensorLayout

    init() throws {
        layout = try TensorLayout([
            .init(name: "w", shape: [3, 2]), .init(name: "bn.running_mean", shape: [2], role: .buffer),
            .init(name: "control.w", shape: [3, 2]), .init(name: "control.bn.running_mean", shape: [2], role: .buffer),
        ])
    }

    private func set(_ seed: UInt64, count: Int, layout: TensorLayout? = nil) throws -> MemoryUpdateSet {
        var generator = SeededGenerator(seed: Seed(seed))
        let layout = layout ?? self.layout
        let vectors = (0..<count).map { _ in
            ParameterVector((0..<layout.elementCount).map { _ in generator.uniformFloat() - 0.5 })
        }
        return try MemoryUpdateSet(layout: layout, updates: vectors, weights: (1...count).map { Double($0) })
    }

    private func run(
        _ strategy: AggregationStrategy,
        _ set: MemoryUpdateSet,
        _ state: inout AggregationStrategy.State
    )
        throws -> [Double]
    {
        var change = [Double](repeating: .nan, count: set.layout.elementCount)
        try strategy.step(set, state: &state) { start, values in
            for (index, value) in values.enumerated() { change[start + index] = value }
        }
        return change
    }

    private func mean(_ set: MemoryUpdateSet, over count: Int) -> [Double] {
        (0..<set.layout.elementCount).map { element in
            set.updates.reduce(0.0) { $0 + Double($1.elements[element]) } / Double(count)
        }
    }

    private func isClose(_ left: [Double], _ right: [Double]) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { abs($0 - $1) < 1e-6 }
    }

    @Test func differencesAddUpOverRoundsAndAbsentClientsStayInTheMean() throws {
        let strategy = AggregationStrategy(rule: DifferenceAveraging(clientCount: 8))
        var state = AggregationStrategy.State()
        var expected = [Double](repeating: 0, count: layout.elementCount)
        for round in UInt64(1)...3 {
            let set = try set(round, count: 4)
            for (index, value) in mean(set, over: 8).enumerated() { expected[index] += value }
            #expect(isClose(try run(strategy, set, &state), expected))
        }
    }

    @Test func controlVariatesTakeTheirShareOfAllClients() throws {
        let rule = ControlledRule(FederatedAveraging(isUniform: true), modelTensorCount: 2, clientCount: 10)
        var state = AggregationStrategy.State()
        let set = try set(1, count: 5)
        let change = try run(AggregationStrategy(rule: rule), set, &state)
        #expect(isClose(Array(change[..<8]), Array(mean(set, over: 5)[..<8])))
        #expect(isClose(Array(change[8...]), Array(mean(set, over: 10)[8...])))
    }

    @Test func robustRulesSeeTheModelOnly() throws {
        let rule = ControlledRule(CoordinateMedian(), modelTensorCount: 2, clientCount: 5)
        var state = AggregationStrategy.State()
        let set = try set(2, count: 5)
        let change = try run(AggregationStrategy(rule: rule), set, &state)
        for element in 0..<8 {
            #expect(abs(change[element] - Double(set.updates.map { $0.elements[element] }.sorted()[2])) < 1e-6)
        }
        #expect(isClose(Array(change[8...]), Array(mean(set, over: 5)[8...])))
    }

    @Test func fedDynGathersWhatTheClientsMoved() throws {
        var step = DynamicStep()
        step.clientCount = 10
        let small = try TensorLayout([.init(name: "w", shape: [4])])
        let strategy = AggregationStrategy(rule: FederatedAveraging(isUniform: true), optimizer: step)
        var state = AggregationStrategy.State()
        // h <- h - (alpha/N) sum delta; w <- mean - h/alpha, in floats of 64 bits with alpha = 0.1.
        var h = [Double](repeating: 0, count: 4)
        for round in UInt64(1)...4 {
            let set = try set(round, count: 5, layout: small)
            let mean = mean(set, over: 5)
            for index in 0..<4 { h[index] -= 0.1 / 10 * 5 * mean[index] }
            #expect(isClose(try run(strategy, set, &state), (0..<4).map { mean[$0] - h[$0] / 0.1 }))
        }
    }

    @Test(arguments: ["fedadam", "fedavgm", "fedyogi", "fedhyper-g", "fedexp"])
    func noOptimizerScalesStatisticsOrControlVariates(_ name: String) throws {
        let optimizer = try AggregationRegistry.optimizer(named: name)
        let strategy = AggregationStrategy(rule: FederatedAveraging(isUniform: true), optimizer: optimizer)
        var state = AggregationStrategy.State()
        for round in UInt64(1)...3 {
            let set = try set(round, count: 4)
            let change = try run(strategy, set, &state)
            let mean = mean(set, over: 4)
            for range in [6..<8, 8..<16] { #expect(isClose(Array(change[range]), Array(mean[range]))) }
        }
    }

    @Test func theServersLearningRateLeavesStatisticsAlone() throws {
        let fold = ModelFold(AggregationStrategy(rule: FederatedAveraging(isUniform: true)), serverLearningRate: 0.25)
        let set = try set(3, count: 4)
        var state = AggregationStrategy.State()
        var next = ParameterVector(zeros: 16)
        try fold.fold(set, current: ParameterVector(zeros: 16), state: &state, into: &next)
        let mean = mean(set, over: 4)
        let expected = mean.enumerated().map { $0.offset < 6 ? 0.25 * $0.element : $0.element }
        #expect(isClose(next.elements.map { Double($0) }, expected))
    }

    @Test func settingsGoToThePartsThatKnowThem() throws {
        let strategy = try AggregationRegistry.strategy(
            rule: "q-fedavg",
            optimizer: "fedavgm",
            settings: ["q": 2, "q-fedavg.lr": 0.5, "fedavgm.lr": 0.25, "beta": 0.5]
        )
        #expect((strategy.rule as? FairAveraging)?.learningRate == 0.5)
        #expect((strategy.optimizer as? MomentumStep)?.learningRate == 0.25)
        #expect(throws: AggregationError.self) {
            _ = try AggregationRegistry.strategy(rule: "fedavg", settings: ["beta": 0.5])
        }
    }
}
