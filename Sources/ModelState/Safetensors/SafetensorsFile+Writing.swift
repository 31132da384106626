// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension SafetensorsFile {
    /// Writes a model to a file, durably, replacing what is there; the file is complete or it is not there.
    ///
    /// - Precondition: the vector has as many elements as the layout.
    /// - Throws: ``ModelStateError`` with code `fileAccess` when the file cannot be written.
    public static func write(
        _ vector: ParameterVector,
        layout: TensorLayout,
        metadata: [String: String] = [:],
        to path: String
    ) throws(ModelStateError) {
        precondition(vector.count == layout.elementCount, "the vector is not of this layout")
        let header = try SafetensorsHeader(layout: layout, metadata: metadata)
        let temporary = "\(path).partial"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw refused(temporary) }
        do throws(ModelStateError) {
            defer { close(descriptor) }
            let writer = try SafetensorsWriter<ModelStateError>(header: header) { (bytes) throws(ModelStateError) in
                try writeAll(bytes, to: descriptor, temporary)
            }
            try vector.withElements { (elements) throws(ModelStateError) in try writer.append(elements) }
            try writer.finish()
            guard fsync(descriptor) == 0 else { throw refused(temporary) }
        } catch {
            unlink(temporary)
            throw error
        }
        guard rename(temporary, path) == 0 else {
            let error = refused(path)
            unlink(temporary)
            throw error
        }
        try synchronizeFolder(of: path)
    }

    private static func writeAll(
        _ bytes: UnsafeRawBufferPointer,
        to descriptor: Int32,
        _ path: String
    ) throws(ModelStateError) {
        var done = 0
        while done < bytes.count {
            let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw refused(path) }
            done += count
        }
    }

    private static func synchronizeFolder(of path: String) throws(ModelStateError) {
        let folder = path.lastIndex(of: "/").map { path[..<$0].isEmpty ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw refused(folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw refused(folder) }
    }

    private static func refused(_ path: String) -> ModelStateError {
        ModelStateError(.fileAccess, "\(path) cannot be written: \(String(cString: strerror(errno)))")
    }
}
