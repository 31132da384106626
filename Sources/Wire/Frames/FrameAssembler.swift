// SPDX-License-Identifier: Apache-2.0
public import Rounds

/// Cuts the bytes of one connection into frames.
///
/// A frame that lies whole in the bytes of one read is delivered where it lies. Of a frame that does not, the part that
/// came is copied to a buffer of exactly the frame's size, and the socket reads the rest straight into its tail:
///
///     read into the slab:  | frame | frame | len | begin of a chunk |
///     next read:                           own buffer: | copied     | the socket reads here ...        |
///
/// A quiet connection holds no buffer: an assembler then takes about 150 bytes. The methods have the shape of a
/// receiver of the event loop; bytes from elsewhere (a secure channel, a simulated network) may be given to
/// ``received(_:)`` too.
public final class FrameAssembler {
    /// Takes one frame.
    ///
    /// A frame without an owner is valid during the call only; one with an owner, as long as the owner is held.
    public typealias Delivery = (_ frame: ByteSlice) throws(WireError) -> Void

    /// The longest frame that is taken from now on, in bytes after the length word.
    ///
    /// It may be changed during a delivery.
    public var frameLimit: Int
    private let pool: FrameBufferPool
    private var delivery: Delivery?
    private var failure: WireError?
    private var partial: FrameBuffer?
    private var filledBytes = 0
    /// The bytes of a length word that came in pieces.
    private var lengthWord: UInt32 = 0
    private var lengthBytes = 0

    /// Creates an assembler that has seen no bytes.
    ///
    /// - Parameters:
    ///   - frameLimit: the longest frame; `WireLimits.helloFrameBytes` until the peer is known.
    ///   - pool: the memory of large frames, shared by the connections of a loop.
    ///   - delivery: takes the frames in their order, during ``received(_:)``.
    public init(frameLimit: Int = Limits.controlBytes, pool: FrameBufferPool, delivery: @escaping Delivery) {
        self.frameLimit = frameLimit
        self.pool = pool
        self.delivery = delivery
    }

    /// Whether the bytes so far end at the end of a frame: what must hold when a peer closes the connection.
    public var isBetweenFrames: Bool { partial == nil && lengthBytes == 0 }

    /// Delivers nothing any more, not even what is left of the current read, and lets go of the delivery.
    public func stop() {
        delivery = nil
        partial = nil
    }

    /// The memory that the next bytes shall be written to: the unfilled tail of a frame, or else `slab`.
    public func receiveBuffer(slab: UnsafeMutableRawBufferPointer) -> UnsafeMutableRawBufferPointer {
        guard let partial else { return slab }
        return UnsafeMutableRawBufferPointer(rebasing: partial.bytes[filledBytes...])
    }

    /// Takes bytes that have arrived: a prefix of the memory returned last, or bytes that lie elsewhere.
    ///
    /// - Throws: ``WireError`` with code `limitExceeded` for a frame past ``frameLimit`` (before memory is taken for
    ///   it), `malformed` for an empty frame, and what the delivery throws. After an error it throws the same for ever.
    public func received(_ bytes: UnsafeRawBufferPointer) throws(WireError) {
        if let failure { throw failure }
        do {
            try take(bytes)
        } catch {
            failure = error
            stop()
            throw error
        }
    }

    private func take(_ bytes: UnsafeRawBufferPointer) throws(WireError) {
        var rest = bytes
        while !rest.isEmpty, delivery != nil {
            if partial != nil {
                rest = try fill(from: rest)
            } else if lengthBytes == 0, rest.count >= WireLimits.lengthBytes {
                let length = try checkedLength(UInt32(littleEndian: rest.loadUnaligned(as: UInt32.self)))
                rest = UnsafeRawBufferPointer(rebasing: rest[WireLimits.lengthBytes...])
                rest = try begin(length, rest)
            } else {
                lengthWord |= UInt32(rest[0]) << (8 * UInt32(lengthBytes))
                lengthBytes += 1
                rest = UnsafeRawBufferPointer(rebasing: rest[1...])
                guard lengthBytes == WireLimits.lengthBytes else { continue }
                let length = try checkedLength(lengthWord)
                (lengthWord, lengthBytes) = (0, 0)
                rest = try begin(length, rest)
            }
        }
    }

    /// Delivers a frame that lies whole in `rest`, else prepares its own buffer; returns what follows.
    private func begin(_ length: Int, _ rest: UnsafeRawBufferPointer) throws(WireError) -> UnsafeRawBufferPointer {
        guard rest.count >= length else {
            partial = FrameBuffer(byteCount: length, pool: pool)
            filledBytes = 0
            return rest
        }
        try delivery?(ByteSlice(UnsafeRawBufferPointer(rebasing: rest[..<length]), owner: nil))
        return UnsafeRawBufferPointer(rebasing: rest[length...])
    }

    /// Adds bytes to the incomplete frame, unless they were read into it already, and delivers it once it is whole.
    private func fill(from rest: UnsafeRawBufferPointer) throws(WireError) -> UnsafeRawBufferPointer {
        guard let frame = partial else { return rest }
        let tail = UnsafeMutableRawBufferPointer(rebasing: frame.bytes[filledBytes...])
        let count = min(tail.count, rest.count)
        if let source = rest.baseAddress, let target = tail.baseAddress, source != UnsafeRawPointer(target) {
            target.copyMemory(from: source, byteCount: count)
        }
        filledBytes += count
        if filledBytes == frame.bytes.count {
            partial = nil
            filledBytes = 0
            try delivery?(ByteSlice(UnsafeRawBufferPointer(frame.bytes), owner: frame))
        }
        return UnsafeRawBufferPointer(rebasing: rest[count...])
    }

    private func checkedLength(_ word: UInt32) throws(WireError) -> Int {
        let length = Int(word)
        guard length > 0 else { throw WireError(.malformed, "a frame of 0 bytes; every frame holds a message") }
        guard length <= frameLimit else {
            throw WireError(.limitExceeded, "a frame of \(length) bytes, the limit here is \(frameLimit)")
        }
        return length
    }
}
