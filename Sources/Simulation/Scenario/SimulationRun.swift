// SPDX-License-Identifier: Apache-2.0

public import Rounds

/// Runs a scenario in the mode that it asks for.
public enum SimulationRun {
    /// Loads the scenario's data and runs it.
    ///
    /// - Parameters:
    ///   - scenario: what to run.
    ///   - observer: is told every event of the job.
    ///   - onRound: is told every committed round once nothing more will be learnt of it.
    /// - Throws: an error that says what of the scenario cannot be used.
    public static func run(
        _ scenario: Scenario,
        observer: @escaping (JobEvent) -> Void = { _ in },
        onRound: @escaping (SimulationResult.Round) -> Void = { _ in }
    ) throws -> SimulationResult {
        let data = try ClientData(scenario)
        switch scenario.mode {
        case .fast:
            return try FastSimulation(scenario, data: data, observer: observer, onRound: onRound).run()
        case .protocol:
            let result = try ProtocolRun(scenario, data: data, observer: observer).run()
            result.rounds.forEach(onRound)
            return result
        }
    }
}
