// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The folder in which a coordinator or an agent keeps what must survive a restart.
///
/// Holding this object holds the folder: a second process, or a second object, cannot open it. The lock is one of the
/// kernel's (flock on `lock`), which ends with its process however that ends, so there is no such thing as a stale
/// lock.
public final class StateFolder: Sendable {
    /// Where the folder lies.
    public let path: String
    package let files: FileCalls
    private let descriptor: Int32

    /// Makes the folder if need be and locks it.
    ///
    /// - Throws: ``LedgerError`` with code `locked`, naming the folder and the process that holds it, or with the code
    ///   of what the operating system refused.
    public convenience init(path: String) throws(LedgerError) {
        try self.init(path: path, files: FileCalls())
    }

    package init(path: String, files: FileCalls) throws(LedgerError) {
        try files.makeFolder(path)
        let file = "\(path)/lock"
        let descriptor = try files.open(file, create: true)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let number = errno
            let holder = Self.holder(descriptor)
            close(descriptor)
            guard number == EWOULDBLOCK else { throw LedgerError(system: number, "\(file) cannot be locked") }
            throw LedgerError(
                .locked,
                "the state folder \(path) is in use by \(holder); stop it or choose another folder"
            )
        }
        // The number is for people; on a full disk the lock holds without it.
        let text = "\(getpid())\n"
        if ftruncate(descriptor, 0) == 0 { _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) } }
        self.path = path
        self.files = files
        self.descriptor = descriptor
    }

    deinit {
        // The lock belongs to the open file, of which a child that another thread is starting has a copy until it
        // becomes another program: closing ours would leave the folder locked until then.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    private static func holder(_ descriptor: Int32) -> String {
        var text = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &text, text.count, 0)
        let digits = text.prefix(max(count, 0)).prefix { $0 >= 0x30 && $0 <= 0x39 }
        return digits.isEmpty ? "another process" : "process \(String(decoding: digits, as: UTF8.self))"
    }
}
