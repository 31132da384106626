// SPDX-License-Identifier: Apache-2.0

import Glibc
import ModelState
import Randomness
import Testing

@testable import UpdateCoding

@Suite struct AllocationTests {
    /// D(R) of the optimal quantiser of the normal density (Max 1960).
    private let distortion = [1, 0.36338, 0.117482, 0.034548, 0.009501, 0.0025047, 6.442e-4, 1.6369e-4, 4.119e-5]

    private func components(_ seed: UInt64) -> [BitAllocation.Component] {
        var generator = SeededGenerator(seed: Seed(seed))
        return (0..<24).map { _ in .init(count: 100 + generator.below(5000), weight: pow(10, -4 * generator.uniform()))
        }
    }

    private func error(_ components: [BitAllocation.Component], _ rates: [Int]) -> Double {
        zip(components, rates).reduce(0) { $0 + Double($1.0.count) * $1.0.weight * distortion[$1.1] }
    }

    @Test(arguments: 0..<20)
    func greedyIsNeverWorseThanUniformAndKeepsTheBudget(_ seed: UInt64) {
        let components = components(seed)
        let total = components.reduce(0) { $0 + $1.count }
        for bits in 1...4 {
            let rates = BitAllocation.greedy(components, distortion: distortion, budgetBits: bits * total)
            #expect(zip(components, rates).reduce(0) { $0 + $1.0.count * $1.1 } <= bits * total)
            #expect(error(components, rates) <= error(components, rates.map { _ in bits }) * (1 + 1e-12))
        }
    }

    @Test func equalSlopesSpendTheBudgetAndEqualizeErrors() {
        let components = components(3)
        let budget = 2.0 * Double(components.reduce(0) { $0 + $1.count })
        let rates = BitAllocation.equalSlopes(components, budgetBits: budget)
        #expect(abs(zip(components, rates).reduce(0.0) { $0 + Double($1.0.count) * $1.1 } / budget - 1) < 1e-9)
        let errors = zip(components, rates).filter { $0.1 > 0 }.map { $0.0.weight * pow(4, -$0.1) }
        for value in errors { #expect(abs(value / errors[0] - 1) < 1e-9) }
        for (component, rate) in zip(components, rates) where rate == 0 {
            #expect(component.weight <= errors[0] * (1 + 1e-9))
        }
    }

    @Test func dynamicProgrammeFindsTheBestOfAll() {
        var generator = SeededGenerator(seed: Seed(5))
        for _ in 0..<30 {
            let options = (0..<4).map { _ in
                (0..<3).map { _ in (cost: Double(generator.below(10)), error: generator.uniform()) }
            }
            var best = Double.infinity
            for code in 0..<81 {
                let picks = [code % 3, code / 3 % 3, code / 9 % 3, code / 27]
                let cost = picks.indices.reduce(0) { $0 + options[$1][picks[$1]].cost }
                if cost <= 15 { best = min(best, picks.indices.reduce(0) { $0 + options[$1][picks[$1]].error }) }
            }
            let found = BitAllocation.leastError(options: options, budget: 15, resolution: 15)
            let error = found.map { picks in picks.indices.reduce(0) { $0 + options[$1][picks[$1]].error } }
            #expect(error == nil ? best == .infinity : abs(error! - best) < 1e-12)  // not nil on this side
        }
    }

    @Test func importantTensorsGetTheSmallerError() throws {
        let layout = try TensorLayout([.init(name: "a", shape: [6400]), .init(name: "b", shape: [6400])])
        let vector = TestVectors.gaussian(12_800)
        let codec = ImportanceWeightedCodec(base: DitheredCodec(target: .bits(3)), importance: .tensors([16, 1]))
        let decoded = try codec.roundTrip(vector, layout: layout, seed: 1)
        let errors = [0, 1].map { tensor in
            layout.range(of: tensor).reduce(0.0) {
                $0 + Double((decoded[$1] - vector[$1]) * (decoded[$1] - vector[$1]))
            }
        }
        // The step is divided by sqrt 16, so the error by 16.
        #expect(abs(errors[1] / errors[0] / 16 - 1) < 0.06)
    }
}
