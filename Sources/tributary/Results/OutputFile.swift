// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Writes results: a file is complete under its name, or not there.
enum OutputFile {
    /// Writes text to a file; its folder is made where it is missing.
    static func write(_ text: String, to path: String) throws { try write(Array(text.utf8), to: path) }

    /// Writes bytes to a file; its folder is made where it is missing.
    static func write(_ bytes: [UInt8], to path: String) throws {
        do {
            if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
                let folder = String(path[..<slash])
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            }
            try Data(bytes).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw Failure(.storage, "'\(path)' cannot be written: \(error)")
        }
    }
}
