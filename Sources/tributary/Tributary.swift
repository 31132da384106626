// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The command line.
@main
struct Tributary: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "tributary",
        abstract: "Federated learning: a coordinator, its agents, and a simulator in one program.",
        discussion: """
            Data stays on the nodes; agents train where it lives and send only model updates.

            Try it:           tributary demo
            Simulate:         tributary simulate Simulations/quickstart.yaml
            Run for real:     tributary coordinator --listen 0.0.0.0:7400 --state /var/lib/tributary
                              tributary agent --connect HOST:7400 --id site-1 --data idx:/data/mnist
                              tributary job submit job.yaml --coordinator HOST:7400

            Exit codes: 0 done; 1 the job failed; 2 the job was cancelled; 64 wrong usage; 65 unusable data or job file;
            66 a file cannot be read; 69 the coordinator cannot be reached; 70 an internal error; 71 the address cannot
            be listened on; 73 the state folder cannot be used; 74 the disk refused to write; 76 the two sides do not
            speak a common protocol version, or an agent of the same name took over.
            """,
        version: version,
        subcommands: [
            DemoCommand.self, CoordinatorCommand.self, AgentCommand.self, JobCommand.self, SamplesCommand.self,
            SimulateCommand.self,
            InspectCommand.self, AggregateCommand.self, EncodeCommand.self, DecodeCommand.self, BenchCommand.self,
        ]
    )
}
