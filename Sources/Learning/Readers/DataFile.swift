// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Reads whole files and lists folders.
enum DataFile {
    /// The file's bytes.
    ///
    /// - Throws: ``LearningError`` with code `fileAccess`.
    static func read(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("cannot open", path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("cannot read", path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw LearningError(.fileAccess, "\(path) is not a regular file; give the path of a data file")
        }
        let size = Int(status.st_size)
        var bytes: [UInt8] = []
        var total = 0
        var isShort = false
        bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while total < size, let base = buffer.baseAddress {
                let got = Glibc.read(descriptor, base + total, size - total)
                if got < 0, errno == EINTR { continue }
                guard got > 0 else { break }
                total += got
            }
            isShort = total < size
            count = total
        }
        guard !isShort else { throw failure("cannot read", path) }
        return bytes
    }

    /// Whether the path names a folder.
    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Whether the path names anything.
    static func exists(_ path: String) -> Bool {
        access(path, F_OK) == 0
    }

    /// The names in a folder, sorted by their bytes.
    ///
    /// - Throws: ``LearningError`` with code `fileAccess`.
    static func names(in folder: String) throws -> [String] {
        guard let stream = opendir(folder) else { throw failure("cannot list", folder) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            names.append(name)
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private static func failure(_ verb: String, _ path: String) -> LearningError {
        let reason = errno != 0 ? String(cString: strerror(errno)) : "it ended early"
        return LearningError(.fileAccess, "\(verb) \(path): \(reason); check the path and its permissions")
    }
}
