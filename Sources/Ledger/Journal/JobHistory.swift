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

    /// The committed rounds in order.
    public var committed: [CommittedRound]
    /// The evaluations in the order of their rounds.
    public var evaluations: [Evaluation]
}
