// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A folder of files that come and go, where a file that goes becomes the next one that comes.
///
/// A file is written under a name of the pool (`recycled-3`) and gets its own name in one step when its owner says so,
/// so a name never stands for bytes of its file's earlier life. A file that somebody reads is removed instead of
/// recycled when it goes: its reader keeps the bytes. All calls may come from any thread.
final class RecyclingFolder: @unchecked Sendable {
    // Safe: what changes is touched under the lock only.

    /// A file under a name of the pool, open to be written.
    struct Claim {
        let descriptor: Int32
        let name: String
        let path: String
        let byteCount: Int
    }

    private struct Stored {
        var readers = 0
        /// Tells a file from its successor of the same name.
        let generation: UInt64
    }

    private static let prefix = "recycled-"
    /// A file this many times larger than what is wanted stays in the pool.
    private static let wasteFactor = 4
    private static let wasteBytes = 1 << 20

    let path: String
    let files: FileCalls
    private let limits: RecyclingLimits
    private let lock = MutexLock()
    private var stored: [String: Stored] = [:]
    private var pool: [(name: String, byteCount: Int)] = []
    private var nextNumber = 0
    private var nextGeneration: UInt64 = 0

    init(path: String, files: FileCalls, limits: RecyclingLimits) throws(LedgerError) {
        self.path = path
        self.files = files
        self.limits = limits
        try files.makeFolder(path)
        for file in try FileCalls.list(path) {
            if file.name.hasPrefix(Self.prefix), let number = Int(file.name.dropFirst(Self.prefix.count)) {
                nextNumber = max(nextNumber, number + 1)
                if fits(file.byteCount) { pool.append(file) } else { try files.remove("\(path)/\(file.name)") }
            } else {
                stored[file.name] = newFile()
            }
        }
    }

    private func newFile() -> Stored {
        nextGeneration += 1
        return Stored(generation: nextGeneration)
    }

    /// The names in use, in their order.
    var names: [String] { lock.withLock { stored.keys.sorted() } }

    func contains(_ name: String) -> Bool { lock.withLock { stored[name] != nil } }

    func path(of name: String) -> String { "\(path)/\(name)" }

    // MARK: - Coming

    /// Takes a file out of the pool, or makes one, for about `byteCount` bytes.
    func claim(byteCount: Int) throws(LedgerError) -> Claim {
        let (name, size) = lock.withLock { take(byteCount) }
        let path = path(of: name)
        do throws(LedgerError) {
            return Claim(descriptor: try files.open(path, create: true), name: name, path: path, byteCount: size)
        } catch {
            lock.withLock { if size > 0 { pool.append((name, size)) } }
            throw error
        }
    }

    private func take(_ byteCount: Int) -> (name: String, byteCount: Int) {
        let limit = byteCount * Self.wasteFactor + Self.wasteBytes
        let usable = pool.indices.filter { pool[$0].byteCount <= limit }
        // The smallest that is large enough, else the largest.
        let enough = usable.filter { pool[$0].byteCount >= byteCount }.min { pool[$0].byteCount < pool[$1].byteCount }
        if let index = enough ?? usable.max(by: { pool[$0].byteCount < pool[$1].byteCount }) {
            return pool.remove(at: index)
        }
        nextNumber += 1
        return ("\(Self.prefix)\(nextNumber - 1)", 0)
    }

    /// Gives a claimed file its name, in place of a file of that name.
    ///
    /// The descriptor stays open and is the caller's.
    func publish(_ claim: Claim, as name: String) throws(LedgerError) {
        try lock.withLock { () throws(LedgerError) in
            try files.rename(claim.path, to: path(of: name))
            stored[name] = newFile()
        }
    }

    /// Puts a claimed file back and closes it.
    func giveBack(_ claim: Claim) {
        let size = (try? FileCalls.size(claim.descriptor, claim.path)) ?? 0
        close(claim.descriptor)
        lock.withLock {
            if fits(size) {
                pool.append((claim.name, size))
            } else {
                // What cannot be removed now is found again at the next start.
                try? files.remove(claim.path)
            }
        }
    }

    private func fits(_ byteCount: Int) -> Bool {
        pool.count < limits.files && pool.reduce(byteCount) { $0 + $1.byteCount } <= limits.bytes
    }

    // MARK: - Going

    /// Ends a file: it goes to the pool, or away.
    ///
    /// Nothing happens for a name that is not there.
    func discard(_ name: String) throws(LedgerError) {
        try lock.withLock { () throws(LedgerError) in
            guard let file = stored[name] else { return }
            let path = path(of: name)
            var status = stat()
            let size = stat(path, &status) == 0 ? Int(status.st_size) : 0
            if file.readers == 0, size > 0, fits(size) {
                let pooled = "\(Self.prefix)\(nextNumber)"
                try files.rename(path, to: self.path(of: pooled))
                nextNumber += 1
                pool.append((pooled, size))
            } else {
                try files.remove(path)
            }
            stored[name] = nil
        }
    }

    /// Removes a file for good.
    func remove(_ name: String) throws(LedgerError) {
        try lock.withLock { () throws(LedgerError) in
            try files.remove(path(of: name))
            stored[name] = nil
        }
    }

    /// Removes the files of the pool.
    func drainPool() throws(LedgerError) {
        try lock.withLock { () throws(LedgerError) in
            while let file = pool.last {
                try files.remove(path(of: file.name))
                pool.removeLast()
            }
        }
    }

    // MARK: - Reading

    /// Opens a file to read; as long as the lease lives, its bytes are not written over by another file.
    func lease(_ name: String) throws(LedgerError) -> FileLease {
        try lock.withLock { () throws(LedgerError) in
            guard let generation = stored[name]?.generation else {
                throw LedgerError(.notFound, "\(path(of: name)) is not there")
            }
            let descriptor = try FileCalls.openForReading(path(of: name))
            stored[name]?.readers += 1
            return FileLease(descriptor: descriptor, path: path(of: name)) { [self] in
                lock.withLock {
                    if stored[name]?.generation == generation { stored[name]?.readers -= 1 }
                }
            }
        }
    }
}
