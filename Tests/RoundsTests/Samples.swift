// SPDX-License-Identifier: Apache-2.0

import ModelState

@testable import Rounds

extension AcceptedUpdate {
    /// An update of an agent for round 1.
    static func sample(
        _ agent: AgentID,
        job: JobID = JobID(1),
        round: UInt32 = 1,
        attempt: UInt32 = 1
    ) -> AcceptedUpdate {
        AcceptedUpdate(.sample(UpdateKey(job: job, round: RoundNumber(round), attempt: attempt, agent: agent)), norm: 1)
    }
}

extension UpdateOffer {
    /// An offer of eight floats.
    static func sample(_ key: UpdateKey, digest: UInt64 = 7, base: BlobDigest? = nil) -> UpdateOffer {
        UpdateOffer(
            key: key,
            digest: BlobDigest(high: 1, low: digest),
            byteCount: 32,
            codec: "fp32",
            weight: 10,
            steps: 2,
            trainedSamples: 10,
            loss: 0.5,
            trainingTime: .seconds(1),
            base: base
        )
    }
}

extension PreparedModel {
    /// A model of eight floats.
    static func sample(_ round: UInt32) -> PreparedModel {
        let digest = BlobDigest(high: 9, low: UInt64(round))
        return PreparedModel(
            reference: ModelReference(round: RoundNumber(round), digest: digest, byteCount: 32, codec: "fp32"),
            layout: .sample,
            modelDigest: digest,
            updateBytes: 32...32
        )
    }
}

extension TensorLayout {
    static let sample: TensorLayout = {
        guard let layout = try? TensorLayout([Tensor(name: "vector", shape: [8])]) else {
            preconditionFailure("one tensor with a name is a layout")
        }
        return layout
    }()
}

extension JobSpecification {
    /// A job for `agents` agents.
    static func sample(
        agents: Int,
        rounds: Int = 2,
        round: RoundPolicy = RoundPolicy(quorum: 1, deadline: DurationText(.seconds(60))),
        evaluateEvery: Int = 0
    ) -> JobSpecification {
        JobSpecification(
            name: "sample",
            seed: 5,
            rounds: rounds,
            minimumAgents: agents,
            round: round,
            evaluateEvery: evaluateEvery
        )
    }
}

/// `agent-1` to `agent-count`.
func agents(_ count: Int) -> [AgentID] { (1...count).map { AgentID(number: $0, of: count) } }
