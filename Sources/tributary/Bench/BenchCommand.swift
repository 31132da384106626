// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// Measures this program on this machine, beside the machine's own limits.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure transport, rounds, connections, codecs, rules, selection and simulations beside a baseline.",
        discussion: "Example: tributary bench transport --megabytes 100 --agents 2",
        subcommands: [
            Transport.self, Rounds.self, Connections.self, Codec.self, Rules.self, Choosing.self, Simulate.self,
        ]
    )
}
