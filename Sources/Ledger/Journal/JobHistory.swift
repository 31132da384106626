// SPDX-License-Identifier: Apache-2.0

public import Rounds

/// What a job did so far, for display.
public struct JobHistory: Sendable, Equatable {
    /// The evaluation of one model.
    public struct Evaluation: Sendable, Equatable {
        /// The round whose model it was; 0 for the initial one.
        public var round: RoundNumber
        /// What was measured.
        public var summary: EvaluationSummary
    }

    /// Who was asked in an attempt at a round, and why.
    public struct Selection: Sendable, Equatable {
        /// The round.
        public var round: RoundNumber
        /// The attempt at it.
        public var attempt: UInt32
        /// The agents, in the order of their names.
        public var cohort: [AgentID]
        /// Why each was chosen; nil where the journal is older than reasons.
        public var reasons: SelectionReasons?
    }

    /// The committed rounds in order.
    public var committed: [CommittedRound]
    /// The evaluations in the order of their rounds.
    public var evaluations: [Evaluation]
    /// The rounds that were begun, with all attempts, in order.
    public var selections: [Selection]
}
