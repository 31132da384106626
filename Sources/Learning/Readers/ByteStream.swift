// SPDX-License-Identifier: Apache-2.0

internal import CZlib
internal import ModelState

/// Reads bytes in order, plain or compressed, without ever holding more of the expanded data than the caller asked for.
final class ByteStream {
    /// What the bytes are.
    enum Format {
        case plain
        case gzip
        case deflate
    }

    /// The name of the file, for messages.
    let name: String
    /// The most bytes that may come out: 64 for each byte that went in, and 64 MiB in any case.
    ///
    /// Real images and tables
    /// shrink by far less; a few kilobytes that claim to be gigabytes are refused.
    let limit: Int
    private let bytes: ArraySlice<UInt8>
    private let format: Format
    private let countsChecksum: Bool
    private var position: Int
    /// Allocated once decompression starts; zlib refuses a state whose address changes.
    private var stream: UnsafeMutablePointer<z_stream>?
    private var isFinished = false
    private var checksum: UInt = 0

    /// - Parameter countsChecksum: whether ``crc`` will be asked for; gzip checks its own.
    init(_ bytes: ArraySlice<UInt8>, format: Format, name: String, countsChecksum: Bool = false) {
        self.bytes = bytes
        self.format = format
        self.countsChecksum = countsChecksum
        self.name = name
        position = bytes.startIndex
        limit = format == .plain ? bytes.count : (64 << 20) + bytes.count * 64
        checksum = crc32(0, nil, 0)
    }

    deinit {
        if let stream {
            inflateEnd(stream)
            stream.deallocate()
        }
    }

    /// The CRC-32 of all bytes read so far.
    var crc: UInt32 {
        precondition(countsChecksum, "a checksum is asked for before the bytes are read")
        return UInt32(truncatingIfNeeded: checksum)
    }

    /// Fills the buffer.
    ///
    /// - Throws: ``LearningError`` with code `malformedFile` where the data ends before or is damaged.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws {
        let count = try readSome(into: buffer)
        guard count == buffer.count else {
            throw LearningError(
                .malformedFile,
                "\(name) ends \(buffer.count - count) bytes early; copy or download it again"
            )
        }
    }

    /// The next `count` bytes; check `count` against ``limit`` before.
    func read(_ count: Int) throws -> [UInt8] {
        precondition(count <= limit, "an amount to read is checked against the limit before")
        return try readValues(count)
    }

    /// The next `count` floats, least significant byte first; check `count` against ``limit`` before.
    func readFloats(_ count: Int) throws -> [Float] {
        precondition(count <= limit / 4, "an amount to read is checked against the limit before")
        return try readValues(count)
    }

    /// Values that every pattern of bits stands for, in the byte order of the machines that this runs on.
    private func readValues<Value: BitwiseCopyable>(_ count: Int) throws -> [Value] {
        var failure: (any Error)?
        let result = [Value](unsafeUninitializedCapacity: count) { buffer, initialized in
            HugePages.advise(UnsafeRawBufferPointer(buffer))
            do {
                try read(into: UnsafeMutableRawBufferPointer(buffer))
                initialized = count
            } catch {
                failure = error
                initialized = 0
            }
        }
        if let failure { throw failure }
        return result
    }

    /// All bytes that are left.
    ///
    /// - Throws: ``LearningError``: `tooLarge` where they are more than ``limit``, `malformedFile`.
    func readAll() throws -> [UInt8] {
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = try part.withUnsafeMutableBytes { try readSome(into: $0) }
            all += part[..<count]
            guard all.count <= limit else {
                throw LearningError(
                    .tooLarge,
                    "\(name) of \(bytes.count) bytes expands to more than \(limit); it is damaged or hostile"
                )
            }
            guard count == part.count else { break }
        }
        try expectEnd()
        return all
    }

    /// Checks that nothing follows and that compressed data was complete.
    func expectEnd() throws {
        var extra: UInt8 = 0
        let count = try withUnsafeMutableBytes(of: &extra) { try readSome(into: $0) }
        guard count == 0 else {
            throw LearningError(
                .malformedFile,
                "\(name) has more bytes than its header says; copy or download it again"
            )
        }
        // The end of compressed data carries its checksum.
        guard format == .plain || isFinished else {
            throw LearningError(.malformedFile, "\(name) ends early; copy or download it again")
        }
    }

    private func readSome(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard let base = buffer.baseAddress, buffer.count > 0 else { return 0 }
        let count: Int
        if format == .plain {
            count = min(buffer.count, bytes.endIndex - position)
            bytes.withUnsafeBytes { source in
                guard let from = source.baseAddress else { return }
                base.copyMemory(from: from + (position - bytes.startIndex), byteCount: count)
            }
            position += count
        } else {
            count = try inflateSome(into: base, capacity: buffer.count)
        }
        var done = 0
        while countsChecksum, done < count {
            let part = min(count - done, 1 << 30)
            checksum = crc32(checksum, (base + done).assumingMemoryBound(to: UInt8.self), UInt32(part))
            done += part
        }
        return count
    }

    private func startedStream() throws -> UnsafeMutablePointer<z_stream> {
        if let stream { return stream }
        let started = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        started.initialize(to: z_stream())
        guard tributary_inflate_start(started, format == .gzip ? 31 : -15) == Z_OK else {
            started.deallocate()
            throw LearningError(.malformedFile, "\(name) cannot be decompressed: zlib does not start")
        }
        stream = started
        return started
    }

    private func inflateSome(into base: UnsafeMutableRawPointer, capacity: Int) throws -> Int {
        let stream = try startedStream()
        var written = 0
        try bytes.withUnsafeBufferPointer { source in
            while written < capacity, !isFinished {
                let available = min(bytes.endIndex - position, 1 << 30)
                let room = min(capacity - written, 1 << 30)
                stream.pointee.next_in = source.baseAddress.map {
                    UnsafeMutablePointer(mutating: $0 + (position - bytes.startIndex))
                }
                stream.pointee.avail_in = UInt32(available)
                stream.pointee.next_out = (base + written).assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_out = UInt32(room)
                let status = inflate(stream, Z_NO_FLUSH)
                position += available - Int(stream.pointee.avail_in)
                written += room - Int(stream.pointee.avail_out)
                isFinished = status == Z_STREAM_END
                let isStuck = Int(stream.pointee.avail_in) == available && Int(stream.pointee.avail_out) == room
                if status == Z_BUF_ERROR || (status == Z_OK && isStuck) { break }
                guard status == Z_OK || status == Z_STREAM_END else {
                    throw LearningError(
                        .malformedFile,
                        "\(name) is damaged (zlib error \(status)); copy or download it again"
                    )
                }
            }
        }
        return written
    }
}
