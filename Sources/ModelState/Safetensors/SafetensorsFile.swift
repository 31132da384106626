// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Reads tensors of a safetensors file as 32-bit floats, the whole or any part, from any thread.
///
/// Only the header is held in memory.
public final class SafetensorsFile: Sendable {
    /// Where the file lies.
    public let path: String
    /// The file's header.
    public let header: SafetensorsHeader
    /// The file's tensors in the order of their data.
    public let layout: TensorLayout
    private let descriptor: Int32
    private let dataStart: Int

    private static let conversionBytes = 128 << 10

    /// Opens a file and checks its header.
    ///
    /// - Throws: ``ModelStateError`` with code `fileAccess` when the file cannot be read, `malformedFile` or
    ///   `unsupportedType` when its header is wrong, `invalidLayout` when no model can have its tensors.
    public init(path: String) throws(ModelStateError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("opened", path) }
        do throws(ModelStateError) {
            (header, dataStart) = try Self.readHeader(descriptor, path)
            layout = try header.layout()
        } catch {
            close(descriptor)
            throw ModelStateError(error.code, error.code == .fileAccess ? error.message : "\(path): \(error.message)")
        }
        self.path = path
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    private static func readHeader(
        _ descriptor: Int32,
        _ path: String
    ) throws(ModelStateError) -> (SafetensorsHeader, Int) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("examined", path) }
        let size = Int(status.st_size)
        let prefix = UnsafeMutableRawBufferPointer.allocate(byteCount: SafetensorsHeader.lengthByteCount, alignment: 8)
        defer { prefix.deallocate() }
        if size >= prefix.count { try read(descriptor, 0, prefix, path) }
        let length = try SafetensorsHeader.jsonByteCount(UnsafeRawBufferPointer(prefix), fileByteCount: size)
        let json = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 8)
        defer { json.deallocate() }
        try read(descriptor, prefix.count, json, path)
        let start = prefix.count + length
        return (try SafetensorsHeader(decoding: UnsafeRawBufferPointer(json), dataByteCount: size - start), start)
    }

    /// Reads the elements of the flat vector that `coordinates` names, across tensors.
    ///
    /// - Precondition: the coordinates are the layout's, and `output` has room for exactly them.
    /// - Throws: ``ModelStateError`` with code `unsupportedType`, `fileAccess`, or `malformedFile` for a file cut since
    ///   it was opened.
    public func read(
        _ coordinates: Range<Int>,
        into output: UnsafeMutableBufferPointer<Float>
    ) throws(ModelStateError) {
        precondition(
            coordinates.lowerBound >= 0 && coordinates.upperBound <= layout.elementCount,
            "no such coordinates"
        )
        precondition(coordinates.count == output.count, "the room differs from the coordinates asked for")
        guard !coordinates.isEmpty else { return }
        var index = firstTensor(endingAfter: coordinates.lowerBound)
        var position = coordinates.lowerBound
        while position < coordinates.upperBound {
            let tensor = layout.range(of: index)
            let end = min(tensor.upperBound, coordinates.upperBound)
            if position < end {
                let start = position - coordinates.lowerBound
                let room = UnsafeMutableBufferPointer(rebasing: output[start..<(start + end - position)])
                try read(header.entries[index], from: position - tensor.lowerBound, into: room)
                position = end
            }
            index += 1
        }
    }

    /// Reads one tensor.
    ///
    /// - Throws: ``ModelStateError`` with code `shapeMismatch` when the file has no such tensor, else as
    ///   ``read(_:into:)``.
    public func readTensor(named name: String) throws(ModelStateError) -> ParameterVector {
        guard let index = layout.index(named: name) else {
            throw ModelStateError(.shapeMismatch, "\(path) has no tensor '\(name)'")
        }
        return try vector(layout.range(of: index))
    }

    /// Reads all tensors as one flat vector.
    ///
    /// - Throws: ``ModelStateError`` as ``read(_:into:)``.
    public func readVector() throws(ModelStateError) -> ParameterVector {
        try vector(0..<layout.elementCount)
    }

    private func vector(_ coordinates: Range<Int>) throws(ModelStateError) -> ParameterVector {
        var vector = ParameterVector(zeros: coordinates.count)
        try vector.withMutableElements { (elements) throws(ModelStateError) in try read(coordinates, into: elements) }
        return vector
    }

    private func firstTensor(endingAfter coordinate: Int) -> Int {
        var low = 0
        var high = layout.tensors.count - 1
        while low < high {
            let middle = (low + high) / 2
            if layout.range(of: middle).upperBound > coordinate { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private func read(
        _ entry: SafetensorsHeader.Entry,
        from element: Int,
        into output: UnsafeMutableBufferPointer<Float>
    ) throws(ModelStateError) {
        guard entry.type.isReadableAsFloat else {
            throw ModelStateError(
                .unsupportedType,
                "\(path): tensor '\(entry.name)' has elements of type \(entry.type.rawValue)"
            )
        }
        let size = entry.type.byteCount
        let start = dataStart + entry.bytes.lowerBound + element * size
        if entry.type == .float32 {
            return try Self.read(descriptor, start, UnsafeMutableRawBufferPointer(output), path)
        }
        let capacity = min(Self.conversionBytes, output.count * size)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
        defer { buffer.deallocate() }
        var done = 0
        while done < output.count {
            let count = min(output.count - done, capacity / size)
            let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(count * size)])
            try Self.read(descriptor, start + done * size, bytes, path)
            entry.type.convert(
                UnsafeRawBufferPointer(bytes),
                into: UnsafeMutableBufferPointer(rebasing: output[done..<(done + count)])
            )
            done += count
        }
    }

    private static func read(
        _ descriptor: Int32,
        _ offset: Int,
        _ buffer: UnsafeMutableRawBufferPointer,
        _ path: String
    ) throws(ModelStateError) {
        var done = 0
        while done < buffer.count {
            let count = pread(
                descriptor,
                buffer.baseAddress.map { $0 + done },
                buffer.count - done,
                off_t(offset + done)
            )
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("read", path) }
            guard count > 0 else { throw ModelStateError(.malformedFile, "\(path) was cut while it was read") }
            done += count
        }
    }

    private static func failure(_ verb: String, _ path: String) -> ModelStateError {
        ModelStateError(.fileAccess, "\(path) cannot be \(verb): \(String(cString: strerror(errno)))")
    }
}
