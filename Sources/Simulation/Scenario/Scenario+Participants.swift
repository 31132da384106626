// SPDX-License-Identifier: Apache-2.0

import Rounds

/// Which clients take part in a job that selects by what they say of themselves.
extension Scenario {
    /// What a client says of itself, counted from 0.
    func labels(of client: Int) -> [String: String] { labels.mapValues { $0[client] } }

    /// The same in numbers.
    func resources(of client: Int, _ data: ClientData) -> [String: Double] {
        ["samples": Double(data.claimedSampleCount(of: client))]
    }

    /// The clients that take part, counted from 0; nil for all of them.
    func participants(_ data: ClientData) -> [Int]? {
        guard let selection = job.selection, selection.predicate != nil else { return nil }
        return (0..<clients).filter {
            selection.admits(labels: labels(of: $0), resources: resources(of: $0, data))
        }
    }

    /// The scenario whose job waits for the clients that take part, and for no others.
    ///
    /// - Throws: ``SpecificationError`` where nobody does.
    func waitingForParticipants(_ data: ClientData) throws -> Scenario {
        guard let participants = participants(data) else { return self }
        guard !participants.isEmpty else {
            let condition = job.selection?.predicate.map { "\($0)" } ?? ""
            throw SpecificationError(
                .invalidValue,
                "'selection.where' lets no client take part: \(condition); give the clients 'labels' that meet it"
            )
        }
        var scenario = self
        scenario.job.minimumAgents = min(job.minimumAgents, participants.count)
        return scenario
    }
}
