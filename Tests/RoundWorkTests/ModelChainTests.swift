// SPDX-License-Identifier: Apache-2.0

import Aggregation
import Digest
import ModelState
import Randomness
import Rounds
import Testing

@testable import RoundWork

struct ModelChainTests {
    private func recipe(_ coding: JobSpecification.Coding, optimizer: String = "fedadam") throws -> JobRecipe {
        try JobRecipe(
            JobSpecification(
                model: ModelSpecification(kind: "vector", elements: 500),
                strategy: JobSpecification.Strategy(optimizer: optimizer),
                codec: coding
            )
        )
    }

    private func models(_ recipe: JobRecipe, rounds: UInt32) throws -> [JobModel] {
        var models = [try JobModel.initial(recipe: recipe)]
        var generator = SeededGenerator(seed: Seed(5))
        for round in 1...rounds {
            var vector = models[models.count - 1].vector
            vector.withMutableElements { elements in
                for index in elements.indices { elements[index] += 0.01 * (generator.uniformFloat() - 0.5) }
            }
            var strategy = AggregationStrategy.State()
            strategy.optimizer.numbers["steps"] = Double(round)
            strategy.optimizer.vectors["m"] = vector
            models.append(
                try JobModel(
                    vector,
                    round: RoundNumber(round),
                    recipe: recipe,
                    strategy: strategy,
                    after: models[models.count - 1]
                )
            )
        }
        return models
    }

    private let anchored = JobSpecification.Coding(downlink: "ecdq:bits=3", anchor: "int8", anchorEvery: 4)

    @Test func chainsBeginAnewWithEveryAnchor() throws {
        let models = try models(recipe(anchored), rounds: 9)
        #expect(models.map(\.parts.count) == [1, 2, 3, 4, 1, 2, 3, 4, 1, 2])
        #expect(models[4].prepared.reference.codec == "int8")
        #expect(models[5].prepared.reference.codec == "ecdq:bits=3")
        #expect(models[3].prepared.reference.earlier == models[2].prepared.reference.parts)
    }

    @Test func whoeverAddsThePartsHoldsTheReplica() throws {
        let recipe = try recipe(anchored)
        for model in try models(recipe, rounds: 6) {
            var held: ParameterVector?
            for (part, bytes) in zip(model.prepared.reference.parts, model.parts) {
                let decoded = try ModelPart.decode(part, bytes, layout: recipe.layout)
                if held == nil { held = decoded } else { held?.add(decoded) }
            }
            #expect(held == model.replica && held != nil)
            #expect(try model.heldByAgents(recipe) == held)
        }
    }

    @Test func whatOneChangeLeavesOutTheNextOnesBring() throws {
        let recipe = try recipe(anchored)
        let model = try models(recipe, rounds: 3)[3]
        let replica = try #require(model.replica)
        let error = model.vector.subtracting(replica).squaredNorm
        // One step of this walk is 500 * 1e-4 / 12; an open loop of three codings would have three steps' errors.
        #expect(error < 0.5 * 500 * 1e-4 / 12)
        // A chain costs a fraction of the whole model.
        #expect(model.parts[3].count < 500 * 4 / 8)
    }

    @Test(arguments: [true, false])
    func aModelPutTogetherAgainGoesOnWithTheSameBits(_ isAnchored: Bool) throws {
        let recipe = try recipe(isAnchored ? anchored : JobSpecification.Coding())
        let before = try models(recipe, rounds: 6)
        var bytes: [UInt8] = []
        before[5].roundState.write { bytes += $0 }
        let state = try PackedState(decoding: ByteSlice(copying: bytes))
        let again = try JobModel(before[5].vector, round: RoundNumber(5), recipe: recipe, state: state)
        #expect(again.prepared == before[5].prepared)
        #expect(again.strategy == before[5].strategy)
        #expect(again.replica == before[5].replica)
        let next = try JobModel(before[6].vector, round: RoundNumber(6), recipe: recipe, after: again)
        #expect(next.prepared.reference == before[6].prepared.reference)
    }

    @Test func referencesTellWhatNeedNotBeLoaded() throws {
        let models = try models(recipe(anchored), rounds: 5)
        let references = models.map(\.prepared.reference)
        #expect(references[3].partCount(heldBy: references[1]) == 2)
        #expect(references[3].partCount(heldBy: references[3]) == 4)
        #expect(references[5].partCount(heldBy: references[3]) == 0)
        #expect(references[3].partCount(heldBy: nil) == 0)
        #expect(references[1].partCount(heldBy: references[3]) == 0)
    }
}
