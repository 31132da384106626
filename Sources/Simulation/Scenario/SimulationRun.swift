// SPDX-License-Identifier: Apache-2.0

public import Rounds

/// Runs a scenario in the mode that it asks for.
public enum SimulationRun {
    /// Loads the scenario's data and runs it.
    ///
    /// - Parameters:
    ///   - scenario: what to run.
    ///   - observer: is told every event of the job.
    /// - Throws: an error that says what of the scenario cannot be used.
    public static func run(
        _ scenario: Scenario,
        observer: @escaping (JobEvent) -> Void = { _ in }
    ) throws -> SimulationResult {
        let data = try ClientData(scenario)
        switch scenario.mode {
        case .fast:
            return try FastSimulation(scenario, data: data, observer: observer).run()
        case .protocol:
            return try ProtocolRun(scenario, data: data, observer: observer).run()
        }
    }
}
