// SPDX-License-Identifier: Apache-2.0

import ModelState
import Rounds

/// I3: a committed model is what the previous model and the included updates give, bit for bit.
///
/// The updates are taken from where the agents made them, not from any disk, and combined here by the plain formula:
///
///     model'[k] = model[k] + eta * sum_i (w_i / sum_j w_j) * delta_i[k]
///
/// in double precision, in the order of the keys.
enum ModelChecker {
    /// Gives the digests of all committed models.
    @discardableResult
    static func check(
        _ journal: JournalReading,
        _ history: History,
        _ recipe: LearningRecipe,
        report: (String) -> Void
    ) -> [JobID: BlobDigest] {
        var models: [JobID: ParameterVector] = [:]
        for commit in journal.commits {
            let job = commit.attempt.job
            guard let specification = journal.specifications[job],
                let base = models[job] ?? (try? recipe.makeModel(specification).model)
            else { continue }
            let name = "round \(commit.record.round) of \(job)"
            var deltas: [(weight: Double, delta: [Float])] = []
            for update in commit.updates {
                guard let production = history.productions[update.key]?[update.digest] else {
                    report("I3: \(name) has an update of \(update.key.agent) that no agent made")
                    continue
                }
                if let from = production.offer.base, from != ContentDigest.of(base) {
                    report("I3: the update of \(update.key.agent) in \(name) was trained from another model")
                }
                deltas.append((production.offer.weight, production.delta.elements))
            }
            let model = combine(base, deltas, specification.strategy.serverLearningRate)
            if ContentDigest.of(model) != commit.record.modelDigest {
                report("I3: the model of \(name) is not what its updates give")
            }
            if !model.isFinite { report("I3: the model of \(name) is not finite") }
            models[job] = model
        }
        return models.mapValues { ContentDigest.of($0) }
    }

    private static func combine(
        _ base: ParameterVector,
        _ updates: [(weight: Double, delta: [Float])],
        _ rate: Double
    ) -> ParameterVector {
        let total = updates.reduce(0) { $0 + $1.weight }
        return ParameterVector(
            base.elements.enumerated().map { index, value in
                let sum = updates.reduce(0.0) { $0 + $1.weight / total * Double($1.delta[index]) }
                return Float(Double(value) + rate * sum)
            }
        )
    }
}
