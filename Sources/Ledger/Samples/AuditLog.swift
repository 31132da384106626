// SPDX-License-Identifier: Apache-2.0

internal import Digest
internal import Glibc
internal import Rounds

/// A file of lines to which lines are only ever added, each naming the digest of the one before: what was taken out or
/// changed shows.
///
/// The file is synced before ``append(_:)`` returns: nothing is done that is not in the log. A line is cut off at the
/// start where a crash left half of it.
public final class AuditLog {
    /// Where the log lies.
    public let path: String
    /// The digest of the last line; empty for none.
    public private(set) var lastDigest = ""
    /// The number of lines.
    public private(set) var count = 0
    private let files: FileCalls
    private let descriptor: Int32
    private var byteCount: Int
    /// Whether bytes of a failed write may lie behind the last line.
    private var hasRemains = false

    /// Opens or makes the log `samples-audit.jsonl` of a state folder.
    ///
    /// - Parameter line: is called with every line that is there.
    /// - Throws: ``LedgerError``.
    public init(
        in state: StateFolder,
        reading line: (String) -> Void = { _ in }
    ) throws(LedgerError) {
        path = "\(state.path)/samples-audit.jsonl"
        files = state.files
        descriptor = try files.open(path, create: true)
        var bytes = [UInt8](repeating: 0, count: try FileCalls.size(descriptor, path))
        _ = try bytes.withUnsafeMutableBufferPointer { [descriptor, path] (buffer) throws(LedgerError) in
            try FileCalls.read(descriptor, at: 0, into: UnsafeMutableRawBufferPointer(buffer), path)
        }
        let whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        byteCount = whole
        for text in bytes[..<whole].split(separator: UInt8(ascii: "\n")) {
            let text = String(decoding: text, as: UTF8.self)
            line(text)
            lastDigest = Self.digest(of: text)
            count += 1
        }
        try files.resize(descriptor, to: whole, path)
        try files.synchronizeFolder(state.path)
    }

    /// The digest by which a line names the one before it.
    public static func digest(of line: String) -> String {
        BlobDigest(hashing: ByteSlice(copying: Array(line.utf8))).description
    }

    deinit { close(descriptor) }

    /// Adds lines and brings them to disk.
    ///
    /// - Parameter lines: each is given the digest of the line before it.
    /// - Throws: ``LedgerError``; then none of them is in the log.
    public func append(_ lines: [(_ previous: String) -> String]) throws(LedgerError) {
        guard !lines.isEmpty else { return }
        var previous = lastDigest
        var text = ""
        for line in lines {
            let next = line(previous)
            precondition(!next.contains("\n"), "a line of the audit log is one line")
            text += next + "\n"
            previous = Self.digest(of: next)
        }
        let bytes = Array(text.utf8)
        if hasRemains { try files.resize(descriptor, to: byteCount, path) }
        hasRemains = true
        do throws(LedgerError) {
            try bytes.withUnsafeBufferPointer { (buffer) throws(LedgerError) in
                try files.write(UnsafeRawBufferPointer(buffer), at: byteCount, to: descriptor, path)
            }
            try files.synchronize(descriptor, path)
        } catch {
            // What was written of them is cut off again, here or at the next start.
            if (try? files.resize(descriptor, to: byteCount, path)) != nil { hasRemains = false }
            throw error
        }
        hasRemains = false
        byteCount += bytes.count
        count += lines.count
        lastDigest = previous
    }
}
