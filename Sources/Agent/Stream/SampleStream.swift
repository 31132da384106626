// SPDX-License-Identifier: Apache-2.0

internal import Glibc
public import Learning

/// Where a device's samples come from, in order.
public protocol SampleStream: Sendable {
    /// The next samples, at most so many; an empty piece at the stream's end. May wait as long as they are wanted.
    ///
    /// - Throws: ``LearningError`` where the source cannot be read.
    mutating func next(_ count: Int, while isWanted: () -> Bool) throws -> StreamPiece
    /// Leaves out samples that an earlier process answered; a live stream has none to leave out.
    mutating func skip(_ count: UInt64)
    /// Whether samples wait for whoever takes them; a live stream goes on.
    var waits: Bool { get }
}

/// Samples that follow each other in a stream.
public struct StreamPiece: Sendable {
    /// The samples' values without gaps.
    public var images: [Float]
    /// One label for each sample; nil where nobody knows them.
    public var labels: [Int32]?

    /// Creates a piece.
    public init(images: [Float], labels: [Int32]?) {
        self.images = images
        self.labels = labels
    }
}

/// A table's samples, each once, in the table's order.
public struct TableStream: SampleStream {
    private let table: SampleTable
    private var position = 0

    /// Creates a stream.
    public init(_ table: SampleTable) { self.table = table }

    /// Whether samples wait: always.
    public var waits: Bool { true }

    /// Leaves out the first samples that are left.
    public mutating func skip(_ count: UInt64) {
        position = min(table.count, position + Int(clamping: count))
    }

    /// The next samples.
    public mutating func next(_ count: Int, while isWanted: () -> Bool) -> StreamPiece {
        let range = position..<min(position + count, table.count)
        position = range.upperBound
        return StreamPiece(images: range.flatMap { table.features(of: $0) }, labels: Array(table.labels[range]))
    }
}

/// Images that another process writes to a pipe or a file, or to standard input: one byte a value, which stands for
/// itself divided by 255, sample after sample without gaps.
public struct PipeStream: SampleStream {
    private let path: String
    private let sampleBytes: Int
    private var descriptor: Int32?
    private var hasBegun = false

    /// Creates a stream.
    ///
    /// - Parameters:
    ///   - path: a named pipe or a file; `-` for standard input. It is opened with the first sample.
    ///   - sampleBytes: the values of a sample.
    public init(path: String, sampleBytes: Int) {
        precondition(sampleBytes > 0, "a sample has a value")
        self.path = path
        self.sampleBytes = sampleBytes
    }

    /// Whether samples wait: never.
    public var waits: Bool { false }

    /// What was read is gone.
    public mutating func skip(_ count: UInt64) {}

    /// Waits for so many samples, for the end, or until nobody wants them any more.
    ///
    /// - Throws: ``LearningError`` with code `fileAccess`.
    public mutating func next(_ count: Int, while isWanted: () -> Bool) throws -> StreamPiece {
        let descriptor = try opened()
        var bytes = [UInt8](repeating: 0, count: count * sampleBytes)
        var filled = 0
        while filled < bytes.count, isWanted() {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, Self.patienceMilliseconds) > 0 else { continue }
            let read = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count - filled)
            }
            if read < 0, errno == EINTR || errno == EAGAIN { continue }
            guard read >= 0 else {
                throw LearningError(.fileAccess, "the stream \(path) cannot be read: error \(errno)")
            }
            if read == 0 {
                guard !hasBegun, isNamedPipe(descriptor) else { break }
                // Nobody writes yet.
                usleep(100_000)
            }
            hasBegun = hasBegun || read > 0
            filled += read
        }
        let whole = filled / sampleBytes * sampleBytes
        return StreamPiece(images: bytes[..<whole].map { Float(1) / 255 * Float($0) }, labels: nil)
    }

    /// After so long it is looked whether samples are still wanted.
    private static let patienceMilliseconds: Int32 = 200

    private func isNamedPipe(_ descriptor: Int32) -> Bool {
        var status = stat()
        return path != "-" && fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
    }

    private mutating func opened() throws -> Int32 {
        if let descriptor { return descriptor }
        let opened = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard opened >= 0 else {
            throw LearningError(.fileAccess, "the stream \(path) cannot be opened: error \(errno)")
        }
        descriptor = opened
        return opened
    }
}
