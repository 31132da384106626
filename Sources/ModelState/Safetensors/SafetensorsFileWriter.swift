// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Writes a safetensors file block by block, while the elements are still being made.
///
/// The bytes go to `PATH.partial`; ``finish()`` makes them durable and gives the file its name. A writer that goes away
/// unfinished leaves nothing, and what was there before stays.
public final class SafetensorsFileWriter {
    private let path: String
    private let temporary: String
    private let descriptor: Int32
    private let writer: SafetensorsWriter<ModelStateError>
    private var isFinished = false

    /// Creates the file and writes its header.
    ///
    /// - Throws: ``ModelStateError`` with code `fileAccess` when the file cannot be written.
    public init(layout: TensorLayout, metadata: [String: String] = [:], path: String) throws(ModelStateError) {
        let header = try SafetensorsHeader(layout: layout, metadata: metadata)
        let temporary = "\(path).partial"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.refused(temporary) }
        self.path = path
        self.temporary = temporary
        self.descriptor = descriptor
        do throws(ModelStateError) {
            writer = try SafetensorsWriter<ModelStateError>(header: header) { (bytes) throws(ModelStateError) in
                try Self.writeAll(bytes, to: descriptor, temporary)
            }
        } catch {
            close(descriptor)
            unlink(temporary)
            throw error
        }
    }

    deinit {
        close(descriptor)
        if !isFinished { unlink(temporary) }
    }

    /// Appends the next elements.
    ///
    /// - Precondition: no more elements than the layout has.
    /// - Throws: ``ModelStateError`` with code `fileAccess` when they cannot be written.
    public func append(_ block: UnsafeBufferPointer<Float>) throws(ModelStateError) {
        try writer.append(block)
    }

    /// Makes the file durable and gives it its name, replacing what is there.
    ///
    /// - Precondition: all of the layout's elements were appended.
    /// - Throws: ``ModelStateError`` with code `fileAccess`; the file is not there then, what it replaces still is.
    public func finish() throws(ModelStateError) {
        try writer.finish()
        guard fsync(descriptor) == 0 else { throw Self.refused(temporary) }
        guard rename(temporary, path) == 0 else { throw Self.refused(path) }
        isFinished = true
        try Self.synchronizeFolder(of: path)
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
