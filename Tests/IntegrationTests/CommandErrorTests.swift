// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// What a user does wrong: a documented exit code, and one line on standard error that says what to do.
@Suite(.fewAtATime)
struct CommandErrorTests {
    /// A command that fails.
    struct Failing: Sendable, CustomTestStringConvertible {
        let what: String
        let arguments: [String]
        let code: Int32
        /// What the line must name.
        let mentions: [String]

        var testDescription: String { what }
    }

    private static let coordinator = ["coordinator", "--listen", "127.0.0.1:0", "--state"]
    private static let agent = ["agent", "--connect", "127.0.0.1:9", "--patience", "1s", "--id", "a"]

    /// `@` stands for the test's folder.
    static let commands = [
        Failing(
            what: "a host without an address",
            arguments: ["coordinator", "--listen", "host.invalid:0", "--state", "@/state"],
            code: 71,
            mentions: ["host.invalid"]
        ),
        Failing(
            what: "an address of another machine",
            arguments: ["coordinator", "--listen", "192.0.2.1:0", "--state", "@/state"],
            code: 71,
            mentions: ["192.0.2.1"]
        ),
        Failing(
            what: "a file where the state folder should be",
            arguments: coordinator + ["@/some.txt"],
            code: 73,
            mentions: ["some.txt"]
        ),
        Failing(
            what: "a state folder that cannot be made",
            arguments: coordinator + ["/proc/tributary"],
            code: 73,
            mentions: ["/proc/tributary"]
        ),
        Failing(
            what: "a configuration that is not there",
            arguments: coordinator + ["@/state", "--config", "@/missing.yaml"],
            code: 66,
            mentions: ["missing.yaml"]
        ),
        Failing(
            what: "a misspelt key in the configuration",
            arguments: coordinator + ["@/state", "--config", "@/misspelt.yaml"],
            code: 65,
            mentions: ["'heartbeet'", "heartbeat", "silence_limit"]
        ),
        Failing(
            what: "a configuration that contradicts itself",
            arguments: coordinator + ["@/state", "--config", "@/contradiction.yaml"],
            code: 65,
            mentions: ["'silence_limit'", "twice the heartbeat"]
        ),
        Failing(
            what: "a configuration with a time without a unit",
            arguments: coordinator + ["@/state", "--config", "@/time.yaml"],
            code: 65,
            mentions: ["heartbeat", "'soon'", "30s"]
        ),
        Failing(
            what: "a configuration that is no YAML",
            arguments: coordinator + ["@/state", "--config", "@/broken.yaml"],
            code: 65,
            mentions: ["broken.yaml", "YAML"]
        ),
        Failing(
            what: "a coordinator that is not there, for an agent",
            arguments: agent + ["--data", "none"],
            code: 69,
            mentions: ["127.0.0.1:9", "refused"]
        ),
        Failing(
            what: "a coordinator that is not there, for an operator",
            arguments: ["job", "list", "--coordinator", "127.0.0.1:9"],
            code: 69,
            mentions: ["127.0.0.1:9", "refused"]
        ),
        Failing(
            what: "a coordinator's name without an address",
            arguments: ["job", "list", "--coordinator", "host.invalid:7400"],
            code: 69,
            mentions: ["host.invalid"]
        ),
        Failing(
            what: "a data folder that is not there",
            arguments: agent + ["--data", "idx:@/missing"],
            code: 66,
            mentions: ["missing"]
        ),
        Failing(
            what: "a data file that is not there",
            arguments: agent + ["--data", "csv:@/missing.csv"],
            code: 66,
            mentions: ["missing.csv"]
        ),
        Failing(
            what: "a data folder without images",
            arguments: agent + ["--data", "idx:@"],
            code: 65,
            mentions: ["train-images-idx3-ubyte"]
        ),
        Failing(
            what: "images that are none",
            arguments: agent + ["--data", "idx:@/noise"],
            code: 65,
            mentions: ["train-images-idx3-ubyte"]
        ),
        Failing(
            what: "a table that is none",
            arguments: agent + ["--data", "csv:@/words.csv"],
            code: 65,
            mentions: ["words.csv", "line 2", "'one'"]
        ),
        Failing(
            what: "an archive that is none",
            arguments: agent + ["--data", "npz:@/some.txt"],
            code: 65,
            mentions: ["some.txt"]
        ),
        Failing(
            what: "data of an unknown source",
            arguments: agent + ["--data", "pictures:@"],
            code: 65,
            mentions: ["pictures", "glyphs", "idx:", "npz:", "csv:"]
        ),
        Failing(
            what: "a misspelt option of data",
            arguments: agent + ["--data", "glyphs?sampels=3"],
            code: 65,
            mentions: ["'sampels'", "samples"]
        ),
        Failing(
            what: "a part that is not there",
            arguments: agent + ["--data", "glyphs?part=4/3"],
            code: 65,
            mentions: ["part=4/3"]
        ),
        Failing(
            what: "an outbox that is a file",
            arguments: agent + ["--data", "none", "--state", "@/some.txt"],
            code: 73,
            mentions: ["some.txt"]
        ),
        Failing(
            what: "a scenario that is not there",
            arguments: ["simulate", "@/missing.yaml"],
            code: 66,
            mentions: ["missing.yaml"]
        ),
        Failing(
            what: "a misspelt key in a scenario",
            arguments: ["simulate", "@/scenario.yaml", "--set", "ruonds=3"],
            code: 65,
            mentions: ["'ruonds'", "rounds"]
        ),
        Failing(
            what: "nothing to inspect",
            arguments: ["inspect", "@/missing"],
            code: 66,
            mentions: ["missing"]
        ),
        Failing(
            what: "a file that is no model",
            arguments: ["inspect", "@/some.txt"],
            code: 65,
            mentions: ["some.txt"]
        ),
        Failing(
            what: "a folder without state",
            arguments: ["inspect", "@"],
            code: 65,
            mentions: ["no state folder"]
        ),
        Failing(
            what: "a demo with data that are not there",
            arguments: ["demo", "--agents", "2", "--data", "csv:@/missing.csv", "--quiet"],
            code: 66,
            mentions: ["missing.csv"]
        ),
    ]

    @Test(arguments: commands)
    func aFailureIsOneLineWithItsExitCode(failing: Failing) async throws {
        try await LocalCluster.with { cluster in
            var dice = Dice(seed: 1)
            try cluster.folder.write("hello\n", to: "some.txt")
            try cluster.folder.write("heartbeet: 1s\n", to: "misspelt.yaml")
            try cluster.folder.write("heartbeat: 10s\nsilence_limit: 5s\n", to: "contradiction.yaml")
            try cluster.folder.write("heartbeat: soon\n", to: "time.yaml")
            try cluster.folder.write("{{{: [\n", to: "broken.yaml")
            try cluster.folder.write("rounds: 1\n", to: "scenario.yaml")
            try cluster.folder.write("a,label\none,two\n", to: "words.csv")
            for name in ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"] {
                try cluster.folder.write(Data(dice.bytes(1_000)), to: "noise/\(name)")
            }
            let folder = cluster.folder.root.path
            let arguments = failing.arguments.map { $0.replacingOccurrences(of: "@", with: folder) }
            let run = try cluster.start(arguments, name: "failing")
            #expect(try await run.exitCode() == failing.code)
            let lines = run.errorLines.filter { !$0.contains("warning a: [Agent]") }
            #expect(lines.count == 1, "one line, not \(lines)")
            #expect(lines.first?.hasPrefix("tributary: ") == true)
            for text in failing.mentions { #expect(lines.first?.contains(text) == true, "names \(text): \(lines)") }
        }
    }

    @Test(arguments: [
        ["frobnicate"], ["coordinator", "--listen", "nonsense", "--state", "x"],
        ["agent", "--id", "a b", "--data", "none"],
        ["agent", "--id", "a", "--data", "none", "--label", "x"], ["job", "status", "abc"], ["demo", "--agents", "0"],
    ])
    func wrongUsageIsToldWithItsExitCode(arguments: [String]) async throws {
        try await LocalCluster.with { cluster in
            let run = try cluster.start(arguments, name: "usage")
            #expect(try await run.exitCode() == 64)
            #expect(run.errors.hasPrefix("Error: "))
            #expect(run.output.isEmpty)
        }
    }

    @Test func anAgentSaysWhyItStoppedToAProgram() async throws {
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            func arguments(_ address: String) -> [String] {
                ["agent", "--connect", address, "--id", "a", "--data", "none", "--patience", "1s", "--json"]
            }
            let first = try cluster.start(arguments(cluster.address), name: "first")
            try await first.waitForError("connected")
            let second = try cluster.start(arguments(cluster.address), name: "second")
            // The newer one takes over.
            #expect(try await first.exitCode() == 76)
            let refusal = try #require(try first.records().last)
            #expect(refusal["stopped"]?.text == "refused" && refusal["reason"]?.text?.isEmpty == false)
            #expect(refusal["message"]?.text?.contains("took over") == true)
            try await second.waitForError("connected")
            second.send(SIGTERM)
            #expect(try await second.exitCode() == 0)
            #expect(try second.records().last == .object(["stopped": .text("asked")]))
            let lost = try cluster.start(arguments("127.0.0.1:9"), name: "lost")
            #expect(try await lost.exitCode() == 69)
            #expect(try lost.records().last?["stopped"]?.text == "unreachable")
        }
    }

    @Test func aPortAndAStateFolderInUseAreToldApart() async throws {
        try await LocalCluster.with { cluster in
            try await cluster.startCoordinator()
            let port = try await cluster.command(
                "coordinator",
                "--listen",
                cluster.address,
                "--state",
                cluster.folder.path("other")
            )
            #expect(port.code == 71)
            #expect(port.errorLines.count == 1)
            #expect(port.errors.contains(cluster.address) && port.errors.contains("in use"))
            let state = try await cluster.command("coordinator", "--listen", "127.0.0.1:0", "--state", cluster.state)
            #expect(state.code == 73)
            #expect(state.errorLines.count == 1)
            #expect(state.errors.contains("in use by process \(cluster.coordinator.identifier)"))
            let agent = try await cluster.command(
                "agent",
                "--connect",
                cluster.address,
                "--id",
                "a",
                "--data",
                "none",
                "--state",
                cluster.state
            )
            #expect(agent.code == 73)
            let inspection = try await cluster.command("inspect", cluster.state)
            #expect(inspection.code == 73)
            #expect(cluster.coordinator.isRunning)
        }
    }
}
