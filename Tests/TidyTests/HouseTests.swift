// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Keeps the house: what the style asks for and a program can check.
@Suite struct HouseTests {
    @Test func filesAreFound() {
        #expect(Repository.swiftFiles.count > 50)
    }

    @Test(arguments: Repository.handWritten)
    func fileIsNotTooLong(_ file: Repository.File) {
        #expect(file.lines.count <= 601, "\(file.path) has \(file.lines.count) lines; the limit is 600")
    }

    /// Raw strings of JSON are test data.
    @Test(arguments: Repository.handWritten)
    func linesFitTheColumns(_ file: Repository.File) {
        for (number, line) in file.lines.enumerated() where line.count > 120 && !line.contains("#\"{") {
            Issue.record("\(file.path):\(number + 1) has \(line.count) columns; the limit is 120")
        }
    }

    @Test(arguments: Repository.handWritten)
    func fileNamesItsLicence(_ file: Repository.File) {
        #expect(
            file.lines.prefix(3).contains { $0.contains("SPDX-License-Identifier: Apache-2.0") },
            "\(file.path) does not begin with its licence"
        )
    }

    @Test(arguments: Repository.swiftFiles)
    func functionsAreNotTooLong(_ file: Repository.File) {
        for function in FunctionScanner.functions(in: file.lines) where function.lineCount > 70 {
            Issue.record("\(file.path):\(function.line): \(function.lineCount) lines; the limit is 70")
        }
    }

    @Test(arguments: Repository.swiftFiles.filter { $0.path.hasPrefix("Sources/") })
    func uncheckedSendableSaysWhy(_ file: Repository.File) {
        for (number, line) in file.lines.enumerated() where line.contains("@unchecked Sendable") {
            let next = file.lines.dropFirst(number + 1).prefix(3)
            #expect(
                next.contains { $0.trimmingCharacters(in: .whitespaces).hasPrefix("//") },
                "\(file.path):\(number + 1): the reason for @unchecked Sendable is missing on the next line"
            )
        }
    }

    @Test(arguments: Repository.swiftFiles.filter { $0.path.hasPrefix("Sources/") })
    func trapsSayWhy(_ file: Repository.File) {
        let traps = ["try!", " as! ", "fatalError("]
        for (number, line) in file.lines.enumerated() where traps.contains(where: line.contains) {
            let isComment = line.trimmingCharacters(in: .whitespaces).hasPrefix("//")
            #expect(
                isComment || line.contains("//"),
                "\(file.path):\(number + 1): a trap without its reason on the line"
            )
        }
    }

    @Test func everythingIsFormatted() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "swift", "format", "lint", "--strict", "--parallel", "--recursive", "Sources", "Tests", "Package.swift",
        ]
        process.currentDirectoryURL = Repository.root
        let output = Pipe()
        process.standardError = output
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "swift format lint: \(text.prefix(4_000))")
    }
}
