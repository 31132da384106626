// SPDX-License-Identifier: Apache-2.0

import Aggregation
import ModelState
import Rounds
import Testing

@testable import RoundWork

struct JobRecipeTests {
    private func job(
        uplink: String = "fp32",
        strategy: JobSpecification.Strategy = JobSpecification.Strategy()
    ) -> JobSpecification {
        JobSpecification(
            minimumAgents: 10,
            model: ModelSpecification(input: [4], classes: 3, hidden: [5]),
            strategy: strategy,
            codec: JobSpecification.Coding(uplink: uplink)
        )
    }

    @Test func aCodecOfDifferencesTakesTheMeanOfAllClients() throws {
        let strategy = try JobRecipe(job(uplink: "topk:fraction=0.1+ef21")).strategy(for: RoundNumber(1))
        #expect((strategy.rule as? DifferenceAveraging)?.clientCount == 10)
        #expect(throws: SpecificationError.self) {
            _ = try JobRecipe(job(uplink: "topk:fraction=0.1+ef21", strategy: .init(rule: "median")))
        }
    }

    @Test func whatIsUnknownIsNamed() {
        for strategy in [
            JobSpecification.Strategy(rule: "medium"), .init(optimizer: "adam"), .init(pre: ["mixing"]),
            .init(settings: ["beta": 0.5]), .init(settings: ["f": 0.5]),
        ] {
            #expect(throws: (any Error).self) { _ = try JobRecipe(job(strategy: strategy)) }
        }
    }

    @Test func warmUpRaisesTheLearningRateInALine() throws {
        let recipe = try JobRecipe(job(strategy: .init(rule: "fedld", warmUpRounds: 5)))
        let factors = try (UInt32(0)...6).map { try recipe.learningRateFactor(after: RoundNumber($0), .init()) }
        #expect(factors == [0, 0.2, 0.4, 0.6, 0.8, 1, 1])
    }

    @Test func bytesAreCountedByKind() throws {
        let recipe = try JobRecipe(job())
        #expect(recipe.denseBytesByKind.named == ["weight": 4 * (20 + 15), "bias": 4 * (5 + 3)])
    }
}
