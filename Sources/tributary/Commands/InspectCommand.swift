// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials

/// Looks into files.
struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show what is in a checkpoint, an update or a state folder.",
        discussion: """
            Example: tributary inspect /var/lib/tributary/jobs/job-1/round-000010.safetensors

            Exit codes: 0 shown; 65 not a file that this program writes; 66 it cannot be read.
            """
    )

    @Argument(help: "A .safetensors file, an update of an outbox or spool, or a state folder.") var file: String
    @Flag(help: "Print one JSON object.") var json = false

    func run() async throws {
        try await Failure.reporting {
            var isDirectory = false
            guard FileManager.default.fileExists(atPath: file, isDirectory: &isDirectory) else {
                throw Failure(.noInput, "'\(file)' does not exist")
            }
            if isDirectory {
                try StateInspection(file).show(json: json)
            } else {
                try ModelInspection(file).show(json: json)
            }
        }
    }
}
