// SPDX-License-Identifier: Apache-2.0

/// Writes a safetensors file of 32-bit floats from its beginning to its end, block by block, wherever `sink` puts the
/// bytes.
///
/// Small blocks are gathered in one buffer of 256 KiB; large blocks go to the sink as they are, without a copy. The
/// bytes depend on the layout, the metadata and the elements only, not on how the elements were cut into blocks.
public final class SafetensorsWriter<Failure: Error> {
    /// Takes the file's next bytes.
    public typealias Sink = (UnsafeRawBufferPointer) throws(Failure) -> Void

    private let sink: Sink
    private let buffer: UnsafeMutableRawBufferPointer
    private var filled = 0
    private var remainingElements: Int
    /// The bytes of the whole file.
    public let byteCount: Int

    /// Writes the header.
    ///
    /// - Parameters:
    ///   - header: from ``SafetensorsHeader/init(layout:metadata:)``.
    ///   - sink: called with the file's bytes in their order.
    /// - Throws: what the sink throws.
    public init(header: SafetensorsHeader, sink: @escaping Sink) throws(Failure) {
        precondition(header.entries.allSatisfy { $0.type == .float32 }, "only files of 32-bit floats are written")
        self.sink = sink
        let bytes = header.encoded()
        precondition(bytes.count <= SafetensorsHeader.maximumByteCount, "a header that no reader accepts")
        buffer = .allocate(byteCount: 256 << 10, alignment: 64)
        remainingElements = header.dataByteCount / 4
        byteCount = bytes.count + header.dataByteCount
        try bytes.withUnsafeBufferPointer { (bytes) throws(Failure) in try append(UnsafeRawBufferPointer(bytes)) }
    }

    deinit {
        buffer.deallocate()
    }

    /// Appends the next elements.
    ///
    /// - Precondition: no more elements than the layout has.
    /// - Throws: what the sink throws; the file is to be given up then.
    public func append(_ block: UnsafeBufferPointer<Float>) throws(Failure) {
        precondition(block.count <= remainingElements, "more elements than the layout has")
        remainingElements -= block.count
        try append(UnsafeRawBufferPointer(block))
    }

    /// Hands the last bytes to the sink.
    ///
    /// - Precondition: all of the layout's elements were appended.
    /// - Throws: what the sink throws.
    public func finish() throws(Failure) {
        precondition(remainingElements == 0, "fewer elements than the layout has")
        try flush()
    }

    private func append(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        if bytes.count > buffer.count - filled { try flush() }
        guard bytes.count < buffer.count else { return try sink(bytes) }
        guard let source = bytes.baseAddress, let target = buffer.baseAddress else { return }
        (target + filled).copyMemory(from: source, byteCount: bytes.count)
        filled += bytes.count
    }

    private func flush() throws(Failure) {
        guard filled > 0 else { return }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<filled])
        filled = 0
        try sink(bytes)
    }
}
