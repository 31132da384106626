// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc

/// A file of events that TensorBoard shows while it grows.
public final class EventFile {
    /// Where it is.
    public let path: String
    private let descriptor: Int32

    /// Creates a file in a folder, which is created where it is missing.
    ///
    /// - Parameters:
    ///   - folder: what `tensorboard --logdir` is told; each folder in it is one run.
    ///   - wallTime: seconds since 1970, which are part of the name: later files of a folder come after earlier ones.
    /// - Throws: ``ReportingError``.
    public init(folder: String, wallTime: Double) throws {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw ReportingError(.fileAccess, "the folder '\(folder)' cannot be made: \(error)")
        }
        let base = "\(folder)/events.out.tfevents.\(NumberText.decimals(wallTime, 6)).tributary"
        path = base
        descriptor = open(base, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw ReportingError(.fileAccess, "'\(base)' cannot be made: \(String(cString: strerror(errno)))")
        }
        try write(.fileVersion(wallTime: wallTime))
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Adds a record; a reader sees it at once.
    ///
    /// - Throws: ``ReportingError`` when the disk is full or gone.
    public func write(_ record: EventRecord) throws {
        var rest = record.bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw ReportingError(.fileAccess, "'\(path)' cannot be written: \(String(cString: strerror(errno)))")
            }
            rest = rest.dropFirst(count)
        }
    }
}
