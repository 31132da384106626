// SPDX-License-Identifier: Apache-2.0

import Learning
import ModelState
import RoundWork
import Rounds
import UpdateCoding

extension FastSimulation {
    /// Samples of each client that a diagnosis looks at.
    private static let diagnosedSamples = 500
    /// The most clients of a round that can be diagnosed: their number goes in twice.
    static let diagnosedClients = 256

    /// Measures every client's model, and the model made of them, on every client's samples.
    func decompose(
        _ updates: [ClientUpdate],
        from base: ParameterVector,
        to model: ParameterVector
    ) throws
        -> LossDecomposition
    {
        let clients = updates.map { number(of: $0.accepted.key.agent) }
        let samples = clients.map { data.samples(of: $0).first(Self.diagnosedSamples) }
        let models = try updates.map { update in
            var trained = recipe.model(of: base)
            trained.add(recipe.model(of: try decoded(update)))
            return trained
        }
        let total = updates.reduce(0) { $0 + $1.accepted.weight }
        let table = try trainers.losses(of: models + [model], on: samples)
        return LossDecomposition(
            weights: updates.map { $0.accepted.weight / total },
            losses: Array(table.dropLast()),
            model: table[table.count - 1]
        )
    }

    /// The elements of an update.
    func decoded(_ update: ClientUpdate) throws -> ParameterVector {
        switch update.content {
        case .elements(let vector):
            return vector
        case .coded:
            let set = InHandUpdates(
                layout: recipe.layout,
                updates: [update],
                codec: recipe.uplink,
                training: scenario.job.training
            )
            let decoder = try set.makeDecoder(at: 0)
            var vector = ParameterVector(zeros: recipe.layout.elementCount)
            try vector.withMutableElements { try decoder.decode(into: $0) }
            return vector
        }
    }
}
