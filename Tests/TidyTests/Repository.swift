// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The project's own source files, as the house rules see them.
struct Repository {
    struct File: Sendable, CustomTestStringConvertible {
        /// The path from the project's root.
        let path: String
        let lines: [String]

        var testDescription: String { path }

        /// The module of a file under Sources.
        var module: String? {
            let parts = path.split(separator: "/")
            return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
        }
    }

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static let swiftFiles = files(under: ["Sources", "Tests"], suffixes: [".swift"])
    static let handWritten = files(
        under: ["Sources", "Tests", "Deploy"],
        suffixes: [".swift", ".c", ".h", ".inc", ".py", ".sh"]
    )

    private static func files(under folders: [String], suffixes: [String]) -> [File] {
        folders.flatMap { folder -> [File] in
            let base = root.appending(path: folder)
            guard let walker = FileManager.default.enumerator(atPath: base.path) else { return [] }
            return walker.compactMap { $0 as? String }.sorted().compactMap { relative in
                guard suffixes.contains(where: relative.hasSuffix), !relative.contains(".pb-c."),
                    !relative.contains(".venv/"),
                    let text = try? String(contentsOf: base.appending(path: relative), encoding: .utf8)
                else { return nil }
                return File(path: "\(folder)/\(relative)", lines: text.components(separatedBy: "\n"))
            }
        }
    }
}
