// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import Simulation

#if MPI
import MessagePassing
#endif

/// Runs a body as one of the processes that `mpirun` or `srun` started, or as the only one.
enum RankedRun {
    /// What the launchers of Open MPI, PMIx and PMI tell every process that they start.
    private static let marks = ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"]

    static func run(_ body: (any SimulationRanks) async throws -> Void) async throws {
        let environment = ProcessInfo.processInfo.environment
        guard marks.contains(where: { environment[$0] != nil }) else { return try await body(SingleRank()) }
        #if MPI
        let ranks = try MessagePassing()
        do {
            try await body(ranks)
        } catch let code as ExitCode {
            ranks.finish()
            throw code
        } catch {
            guard ranks.count > 1 else { throw error }
            // The others wait for this one: all end here. What stops all of them is said once, by the first.
            if ranks.rank > 0 { try await Task.sleep(for: .milliseconds(500)) }
            let failure = Failure(error)
            Console.error("tributary, rank \(ranks.rank): \(failure.message)")
            ranks.abort(code: failure.status.rawValue)
        }
        ranks.finish()
        #else
        throw Failure(
            .badInput,
            "this program was built without MPI; build it with TRIBUTARY_MPI=1, or start it without mpirun"
        )
        #endif
    }
}
