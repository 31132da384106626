// SPDX-License-Identifier: Apache-2.0

import Learning
public import Rounds

/// Runs a scenario in the mode that it asks for.
public enum SimulationRun {
    /// Loads the scenario's data and runs it.
    ///
    /// - Parameters:
    ///   - scenario: what to run.
    ///   - ranks: the processes that share the work, in mode fast.
    ///   - checkpoints: where to keep what is needed to go on, in mode fast.
    ///   - observer: is told every event of the job.
    ///   - onRound: is told every committed round once nothing more will be learnt of it.
    /// - Throws: an error that says what of the scenario cannot be used.
    public static func run(
        _ scenario: Scenario,
        ranks: any SimulationRanks = SingleRank(),
        checkpoints: CheckpointFolder? = nil,
        observer: @escaping (JobEvent) -> Void = { _ in },
        onRound: @escaping (SimulationResult.Round) -> Void = { _ in }
    ) throws -> SimulationResult {
        // Said before the data are read.
        try scenario.kernels.check()
        return try run(
            scenario,
            data: ClientData(scenario),
            ranks: ranks,
            checkpoints: checkpoints,
            observer: observer,
            onRound: onRound
        )
    }

    /// Runs the scenario on its data.
    public static func run(
        _ scenario: Scenario,
        data: ClientData,
        ranks: any SimulationRanks = SingleRank(),
        checkpoints: CheckpointFolder? = nil,
        observer: @escaping (JobEvent) -> Void = { _ in },
        onRound: @escaping (SimulationResult.Round) -> Void = { _ in }
    ) throws -> SimulationResult {
        switch scenario.mode {
        case .fast:
            return try FastSimulation(
                scenario,
                data: data,
                ranks: ranks,
                checkpoints: checkpoints,
                observer: observer,
                onRound: onRound
            )
            .run()
        case .protocol:
            guard ranks.count == 1 else {
                throw SimulationError(
                    .notSpreadable,
                    "mode protocol runs in one process, not in \(ranks.count); start it without mpirun"
                )
            }
            guard checkpoints == nil else {
                throw SimulationError(.notResumable, "mode protocol makes no checkpoints; only mode fast does")
            }
            let result = try ProtocolRun(scenario, data: data, observer: observer).run()
            result.rounds.forEach(onRound)
            return result
        }
    }
}
