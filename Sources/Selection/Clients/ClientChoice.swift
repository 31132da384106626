// SPDX-License-Identifier: Apache-2.0

/// An agent that was chosen for a round, and why.
public struct ClientChoice: Sendable, Hashable {
    /// Why an agent was chosen; the texts are stable and go to logs.
    public enum Reason: String, Sendable, Hashable, CaseIterable, Codable {
        /// There were not more candidates than asked for.
        case everyone
        /// Drawn uniformly, as the policy says.
        case uniform
        /// Drawn in proportion to its samples.
        case weighted
        /// Its last loss is among the highest of those drawn.
        case highLoss = "high-loss"
        /// Its loss is not known yet, which comes before any known loss.
        case unknownLoss = "unknown-loss"
        /// Its uncertainty times its staleness is among the highest.
        case uncertain
        /// Drawn uniformly for the exploration floor.
        case exploration
        /// Drawn uniformly to fill the cohort: no other candidate was left that the policy would choose.
        case fill
        /// Still works on what it was asked for in an earlier round.
        case carried
    }

    /// The agent's position among the candidates.
    public let position: Int
    /// Why it was chosen.
    public let reason: Reason
    /// The number that decided: samples, loss, or uncertainty times staleness; nil for uniform draws.
    public let value: Double?

    /// Creates a choice.
    public init(position: Int, reason: Reason, value: Double? = nil) {
        self.position = position
        self.reason = reason
        self.value = value
    }
}

extension ClientChoice: CustomStringConvertible {
    /// The reason with the number that decided: `high-loss 1.25`.
    public var description: String { value.map { "\(reason.rawValue) \($0)" } ?? reason.rawValue }
}
