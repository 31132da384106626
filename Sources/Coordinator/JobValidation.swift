// SPDX-License-Identifier: Apache-2.0

import Learning
import RoundWork
import Rounds
import UpdateCoding
import Wire

/// Says before a job is accepted whether it could run at all.
enum JobValidation {
    /// Why a specification cannot be run, or nil: an unknown model, rule or codec, or tasks past the limits of the
    /// protocol.
    static func objection(to specification: JobSpecification) -> String? {
        do {
            if specification.adaptation != nil {
                _ = try AdaptationModels(specification, loading: false)
                return nil
            }
            let trainers = ["sgd", "none"]
            guard trainers.contains(specification.training.trainer) else {
                let known = trainers.joined(separator: ", ")
                return "no trainer is named '\(specification.training.trainer)'; known: \(known)"
            }
            guard specification.clientSelection.scores == .last else {
                return
                    "'selection.scores' fresh is for simulations; leave it out: agents report scores with their updates"
            }
            let recipe = try JobRecipe(specification)
            _ = try MessageEncoder().encode(.train(sampleTask(specification, recipe)))
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// A task as large as the job's tasks can be.
    private static func sampleTask(_ specification: JobSpecification, _ recipe: JobRecipe) -> TrainTask {
        let longest = String(repeating: "a", count: AgentID.maximumBytes)
        guard let agent = AgentID(longest) else { preconditionFailure("a name of letters names an agent") }
        let part = ModelReference.Part(
            round: RoundNumber(UInt32(specification.rounds)),
            digest: BlobDigest(high: 0, low: 0),
            byteCount: recipe.downlink.maximumEncodedByteCount(layout: recipe.layout),
            codec: specification.codec.downlink
        )
        let chainLength = recipe.anchor == nil ? 1 : specification.codec.anchorEvery
        let base = ModelReference(part, after: Array(repeating: part, count: chainLength - 1))
        let key = UpdateKey(job: JobID(1), round: RoundNumber(UInt32(specification.rounds)), attempt: 1, agent: agent)
        return TrainTask(
            key: key,
            base: base,
            model: specification.model,
            layout: recipe.layout,
            training: specification.training,
            seed: UInt64.max,
            codec: specification.codec.uplink,
            deadline: specification.round.deadline.duration
        )
    }
}
