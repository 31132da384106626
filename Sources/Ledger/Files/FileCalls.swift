// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// All calls by which this module changes files, with typed errors, and with a place where tests make the N-th call
/// fail.
package final class FileCalls: Sendable {
    /// Decides whether a call fails.
    package typealias Hook = @Sendable (FileCall) -> FileFault?

    private let hook: Hook?

    /// Calls the operating system, asking `hook` first.
    package init(hook: Hook? = nil) {
        self.hook = hook
    }

    private func check(_ kind: FileCall.Kind, _ path: String, _ verb: String) throws(LedgerError) {
        guard let fault = hook?(FileCall(kind: kind, path: path)) else { return }
        throw LedgerError(system: fault.number, "\(path) cannot be \(verb)")
    }

    /// Makes a folder and those above it, unless they are there.
    func makeFolder(_ path: String) throws(LedgerError) {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex { try makeFolder(String(path[..<slash])) }
        try check(.makeFolder, path, "made")
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
            throw LedgerError(system: errno, "the folder \(path) cannot be made")
        }
    }

    /// Opens a file for reading and writing.
    func open(_ path: String, create: Bool) throws(LedgerError) -> Int32 {
        try check(.open, path, "opened")
        let descriptor = Glibc.open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0o644)
        guard descriptor >= 0 else { throw LedgerError(system: errno, "\(path) cannot be opened") }
        return descriptor
    }

    /// Writes all bytes at an offset.
    func write(
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int,
        to descriptor: Int32,
        _ path: String
    ) throws(LedgerError) {
        var end = bytes.count
        let fault = hook?(FileCall(kind: .write, path: path))
        if let fault { end = min(end, fault.writtenBytes) }
        var done = 0
        while done < end {
            let count = pwrite(descriptor, bytes.baseAddress.map { $0 + done }, end - done, off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw LedgerError(system: count == 0 ? EIO : errno, "\(path) cannot be written") }
            done += count
        }
        if let fault { throw LedgerError(system: fault.number, "\(path) cannot be written") }
    }

    /// Sets a file's length, unless it has it.
    func resize(_ descriptor: Int32, to byteCount: Int, _ path: String) throws(LedgerError) {
        guard try Self.size(descriptor, path) != byteCount else { return }
        try check(.resize, path, "resized")
        guard ftruncate(descriptor, off_t(byteCount)) == 0 else {
            throw LedgerError(system: errno, "\(path) cannot be resized")
        }
    }

    /// Waits until the bytes of a file are on the disk.
    func synchronize(_ descriptor: Int32, _ path: String) throws(LedgerError) {
        try check(.synchronize, path, "brought to disk")
        guard fsync(descriptor) == 0 else { throw LedgerError(system: errno, "\(path) cannot be brought to disk") }
    }

    /// Waits until the names in a folder are on the disk.
    func synchronizeFolder(_ path: String) throws(LedgerError) {
        try check(.synchronizeFolder, path, "brought to disk")
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw LedgerError(system: errno, "the folder \(path) cannot be opened") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw LedgerError(system: errno, "the folder \(path) cannot be brought to disk")
        }
    }

    /// Gives a file another name in one step.
    func rename(_ old: String, to new: String) throws(LedgerError) {
        try check(.rename, new, "named")
        guard Glibc.rename(old, new) == 0 else { throw LedgerError(system: errno, "\(old) cannot become \(new)") }
    }

    /// Removes a file, unless it is gone already.
    func remove(_ path: String) throws(LedgerError) {
        try check(.remove, path, "removed")
        guard unlink(path) == 0 || errno == ENOENT else {
            throw LedgerError(system: errno, "\(path) cannot be removed")
        }
    }

    // MARK: - Reading

    /// Opens a file for reading.
    static func openForReading(_ path: String) throws(LedgerError) -> Int32 {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw LedgerError(system: errno, "\(path) cannot be opened") }
        return descriptor
    }

    /// Reads as many bytes as there are, up to the size of `buffer`.
    static func read(
        _ descriptor: Int32,
        at offset: Int,
        into buffer: UnsafeMutableRawBufferPointer,
        _ path: String
    ) throws(LedgerError) -> Int {
        var done = 0
        while done < buffer.count {
            let count = pread(
                descriptor,
                buffer.baseAddress.map { $0 + done },
                buffer.count - done,
                off_t(offset + done)
            )
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw LedgerError(system: errno, "\(path) cannot be read") }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// The length of an open file.
    static func size(_ descriptor: Int32, _ path: String) throws(LedgerError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw LedgerError(system: errno, "\(path) cannot be examined") }
        return Int(status.st_size)
    }

    /// The names and lengths of the files in a folder, in the order of their names.
    static func list(_ path: String) throws(LedgerError) -> [(name: String, byteCount: Int)] {
        guard let folder = opendir(path) else { throw LedgerError(system: errno, "the folder \(path) cannot be read") }
        defer { closedir(folder) }
        var found: [(name: String, byteCount: Int)] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            var status = stat()
            guard name != ".", name != "..", stat("\(path)/\(name)", &status) == 0 else { continue }
            found.append((name, Int(status.st_size)))
        }
        return found.sorted { $0.name < $1.name }
    }
}
