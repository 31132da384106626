// SPDX-License-Identifier: Apache-2.0

import Aggregation
import Digest
import Learning
import ModelState
import RoundWork
import Rounds

extension FastSimulation {
    /// A round's clients, where they can be trained together with the bits that training them one by one gives: their
    /// updates are plain steps, which a mean adds up and nobody else looks at. Nil otherwise.
    func cohort(of group: TaskGroup) throws -> RoundCohort? {
        let job = scenario.job
        guard trainsTogether, scenario.devices == nil, scenario.attack == nil, !scenario.diagnose,
            group.codec == "fp32",
            !recipe.agentsRemember, recipe.layout.elementCount * group.count <= ClientTrainers.slotElements,
            recipe.layout.elementCount == recipe.architecture.layout.elementCount,
            job.round.targetCount(selected: group.count) == group.count,
            trainers.canTrainTogether(group), let rule = try recipe.summedRule(for: group.key(at: 0).round)
        else { return nil }
        let clients = group.agents.map { number(of: $0) }
        let weights = clients.map { Double(max(data.sampleCount(of: $0), 1)) }
        return RoundCohort(
            group: group,
            data: data,
            clients: clients,
            coefficients: try rule.coefficients(of: weights)
        )
    }

    /// What is known of an update that was added to its block's sum.
    func update(_ key: UpdateKey, _ trained: ClientTrainers.TrainedCohort, _ index: Int) -> AcceptedUpdate {
        let outcome = trained.outcomes[index]
        return AcceptedUpdate(
            key: key,
            digest: BlobDigest(high: 0, low: 0),
            byteCount: model.vector.byteCount,
            weight: Double(max(outcome.sampleCount, 1)),
            steps: UInt64(outcome.steps),
            trainedSamples: UInt64(outcome.samplesSeen),
            loss: outcome.meanLoss ?? 0,
            trainingTime: trained.meanTime,
            norm: 0,
            bytesByKind: recipe.denseBytesByKind
        )
    }
}

/// The clients of a round that are trained together, cut in blocks that one thread trains.
struct RoundCohort: Sendable {
    let group: TaskGroup
    let data: ClientData
    /// The clients' numbers, from 0.
    let clients: [Int]
    /// Each client's factor in the mean.
    let coefficients: [Double]

    /// The clients of a block, with their samples.
    func block(_ positions: Range<Int>) -> Cohort {
        let (table, partition, places) = data.samples(of: clients[positions])
        return Cohort(
            table: table,
            partition: partition,
            clients: places,
            coefficients: Array(coefficients[positions]),
            seeds: positions.map { group.seed(at: $0) }
        )
    }
}
