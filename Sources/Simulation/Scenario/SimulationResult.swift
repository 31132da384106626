// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Rounds

/// What a simulation found.
public struct SimulationResult: Sendable {
    /// One committed round.
    public struct Round: Sendable {
        /// What the round left behind.
        public var committed: CommittedRound
        /// The evaluation of its model, if it was evaluated.
        public var evaluation: EvaluationSummary?
        /// The parts of its loss, if the scenario asked for them.
        public var decomposition: LossDecomposition?
        /// The bytes of models sent by its end, from the first round on.
        public var bytesDown: UInt64 = 0
        /// The bytes of updates received by its end, from the first round on.
        public var bytesUp: UInt64 = 0
        /// The job's own time at its end: virtual where the simulation has a virtual clock.
        public var elapsed: Duration = .zero
    }

    /// The job's last state.
    public var status: JobStatus
    /// The rounds in order.
    public var rounds: [Round]
    /// The final model.
    public var model: ParameterVector
    /// The final model's tensors.
    public var layout: TensorLayout
    /// Wall time in all.
    public var elapsed: Duration
    /// Wall time in which clients trained.
    public var trainingElapsed: Duration
    /// Updates that clients made.
    public var updateCount: Int
    /// What each client sent and received; nil where it was not counted.
    public var traffic: ClientTraffic?
    /// When the first client was asked, where rounds take wall time.
    public var firstTask: ContinuousClock.Instant?
    /// Whether rounds take wall time: they do in the fast simulation of clients without devices.
    public var hasWallTime = false
}
