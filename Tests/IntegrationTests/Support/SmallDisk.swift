// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A file system in memory with little room.
struct SmallDisk {
    let path: String

    init(at path: String, megabytes: Int) throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(megabytes)m") == 0 else {
            throw TestFailure("no file system can be mounted at \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Takes all the room that is left.
    func fill() throws {
        let descriptor = open("\(path)/ballast", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard descriptor >= 0 else { throw TestFailure("the ballast cannot be made") }
        defer { close(descriptor) }
        for size in [1 << 20, 4_096, 1] {
            let block = [UInt8](repeating: 0, count: size)
            while write(descriptor, block, size) == size {}
        }
    }

    /// Gives the room back.
    func free() { unlink("\(path)/ballast") }

    /// Takes the file system away; what still uses it keeps it until its end.
    func unmount() { umount2(path, Int32(MNT_DETACH)) }
}
