// SPDX-License-Identifier: Apache-2.0

import Aggregation
import Digest
import Learning
import ModelState
import Randomness
import RoundWork
import Rounds

extension FastSimulation {
    /// What the Byzantine clients send, given what the honest ones do.
    ///
    /// Updates that are not finite are refused one by one, as a coordinator does.
    func attack(
        _ tasks: [TrainTask],
        knowing honest: [ClientUpdate],
        _ specification: AttackSpecification
    ) throws -> [Result<ClientUpdate, ClientFailure>] {
        guard !tasks.isEmpty else { return [] }
        if specification.name == AttackSpecification.labelFlip { return try flipLabels(tasks) }
        guard let round = tasks.first?.key.round, !honest.isEmpty else { return [] }
        let attack = try AggregationRegistry.attack(
            named: specification.name,
            settings: specification.settings,
            against: try recipe.strategy(for: round).rule,
            faulty: tasks.count
        )
        let seed = Seed(scenario.job.seed).deriving("attack", UInt64(round.value))
        let vector = try attack.byzantineUpdate(honest: try honest.map { try decoded($0) }, seed: seed)
        let weight = honest.reduce(0) { $0 + $1.accepted.weight } / Double(honest.count)
        return tasks.map { task in
            guard vector.isFinite else {
                return .failure(ClientFailure(reason: .notFinite, message: "a value is infinite or not a number"))
            }
            let accepted = AcceptedUpdate(
                key: task.key,
                digest: BlobDigest(high: 0, low: 0),
                byteCount: vector.byteCount,
                weight: weight,
                steps: honest[0].accepted.steps,
                trainedSamples: 0,
                loss: honest[0].accepted.loss,
                trainingTime: .zero,
                norm: 0,
                initialLoss: honest[0].accepted.initialLoss,
                uncertainty: honest[0].accepted.uncertainty
            )
            return .success(ClientUpdate(accepted: accepted, content: .elements(vector), memory: nil))
        }
    }

    /// Trains the samples of honest clients, taken in turn, with wrong labels.
    private func flipLabels(_ tasks: [TrainTask]) throws -> [Result<ClientUpdate, ClientFailure>] {
        let table = flippedTable ?? data.flipped(classes: recipe.architecture.classCount)
        flippedTable = table
        let base = try model.heldByAgents(recipe)
        return trainers.train(tasks, from: base, recipe: recipe) { [data, scenario] task in
            let client = ((task.key.agent.number ?? 1) - 1) % scenario.honestClients
            return .init(samples: data.samples(of: client, in: table), memory: ClientMemory())
        }
    }
}
