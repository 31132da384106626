// SPDX-License-Identifier: Apache-2.0

import Digest
import ModelState
import RoundWork
import Rounds

/// I3: a committed model is what the previous model and the included updates give, bit for bit.
///
/// The updates are taken from where the agents made them, not from any disk, and combined here by the plain formula:
///
///     model'[k] = model[k] + eta * sum_i (w_i / sum_j w_j) * delta_i[k]
///
/// in double precision, in the order of the keys. Jobs whose coding or optimizer has a memory have no such formula;
/// they are compared with their undisturbed run.
enum ModelChecker {
    /// Gives the digests of all committed models.
    @discardableResult
    static func check(
        _ journal: JournalReading,
        _ history: History,
        report: (String) -> Void
    ) -> [JobID: BlobDigest] {
        var models: [JobID: ParameterVector] = [:]
        var digests: [JobID: BlobDigest] = [:]
        var bases: [JobID: [RoundNumber: BlobDigest]] = [:]
        for commit in journal.commits {
            let job = commit.attempt.job
            guard let specification = journal.specifications[job], let recipe = try? JobRecipe(specification) else {
                continue
            }
            digests[job] = commit.record.modelDigest
            guard !recipe.keepsRoundState, specification.codec == JobSpecification.Coding() else { continue }
            let base = models[job] ?? recipe.initialVector()
            bases[job, default: [:]][RoundNumber(commit.record.round.value - 1)] = BlobDigest(hashing: base)
            let model = next(after: base, commit, specification, bases[job] ?? [:], history, report)
            if BlobDigest(hashing: model) != commit.record.modelDigest {
                report("I3: the model of round \(commit.record.round) of \(job) is not what its updates give")
            }
            if !model.isFinite { report("I3: the model of round \(commit.record.round) of \(job) is not finite") }
            models[job] = model
            digests[job] = BlobDigest(hashing: model)
        }
        return digests
    }

    private static func next(
        after base: ParameterVector,
        _ commit: JournalReading.Commit,
        _ specification: JobSpecification,
        _ bases: [RoundNumber: BlobDigest],
        _ history: History,
        _ report: (String) -> Void
    ) -> ParameterVector {
        let name = "round \(commit.record.round) of \(commit.attempt.job)"
        var deltas: [(weight: Double, delta: [Float])] = []
        for update in commit.updates {
            guard let production = history.productions[update.key]?[update.digest] else {
                report("I3: \(name) has an update of \(update.key.agent) that no agent made")
                continue
            }
            let wanted = bases[RoundNumber(commit.record.round.value - 1 - update.staleness)]
            if let from = production.offer.base, from != wanted {
                report("I3: the update of \(update.key.agent) in \(name) was trained from another model")
            }
            deltas.append((production.offer.weight, production.delta.elements))
        }
        return combine(base, deltas, specification.strategy.serverLearningRate)
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
