// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The program under test and what else the tests need of the machine.
enum Program {
    /// The built binary: `TRIBUTARY_BINARY`, or the `tributary` beside the test bundle.
    static let path: String = {
        if let path = ProcessInfo.processInfo.environment["TRIBUTARY_BINARY"] { return path }
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        return bundle.appendingPathComponent("tributary").path
    }()

    /// A Python with the packages of `Tests/Python/requirements.txt`, if there is one.
    static let python: String? = {
        guard let path = ProcessInfo.processInfo.environment["TRIBUTARY_PYTHON"] else { return nil }
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    /// The folder `Tests`.
    static let testsFolder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The agent that was written from the protocol's page alone.
    static let pythonAgent = testsFolder.appendingPathComponent("Python/minimal_agent.py").path

    /// Whether a file system can be mounted: root, and not in a container that forbids it.
    static let canMount: Bool = {
        guard geteuid() == 0, let folder = try? TemporaryFolder() else { return false }
        defer { folder.remove() }
        guard let disk = try? SmallDisk(at: folder.path("disk"), megabytes: 1) else { return false }
        disk.unmount()
        return true
    }()

    /// Whether the program was built with oneDNN: it then runs a scenario that asks for it.
    ///
    /// One that cannot for any other reason counts as built with it, so that its tests fail.
    static let hasOneDNN: Bool = {
        guard let folder = try? TemporaryFolder() else { return true }
        defer { folder.remove() }
        let scenario = "rounds: 1\nclients: 1\nmodel: {kind: vector, elements: 1}\ntraining: {trainer: none}\n"
        guard let file = try? folder.write(scenario, to: "scenario.yaml"),
            let run = try? ProgramRun(["simulate", file, "--kernels", "onednn"], name: "kernels", in: folder)
        else { return true }
        while run.isRunning { usleep(5_000) }
        return !run.errors.contains("built without oneDNN")
    }()
}
