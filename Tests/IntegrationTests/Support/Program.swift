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
}
