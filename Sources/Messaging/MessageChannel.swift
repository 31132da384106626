// SPDX-License-Identifier: Apache-2.0

public import EventLoop
public import Rounds
public import Wire

/// Sends and receives messages over one TCP connection, and streams blobs chunk by chunk as fast as the peer takes
/// them.
///
/// It is confined to its connection's loop, as the connection is.
public final class MessageChannel<Inbound: WireMessage, Outbound: WireMessage>: @unchecked Sendable {
    // Sendable: every member is used on the connection's loop only, which the connection checks.

    /// What the owner of a channel is told.
    public struct Callbacks {
        /// A message arrived.
        public var received: (Inbound) -> Void
        /// Bytes arrived that are no message. Nothing more is received: close the channel, with a goodbye that says
        /// why.
        public var malformed: (WireError) -> Void
        /// So many bytes of a blob were handed to the connection.
        public var sentBlobBytes: (Int) -> Void
        /// A blob could not be read; its transfer ended.
        public var transferFailed: (String) -> Void
        /// The connection ended; the last that the channel says.
        public var closed: (String) -> Void

        /// Creates callbacks.
        public init(
            received: @escaping (Inbound) -> Void,
            malformed: @escaping (WireError) -> Void,
            sentBlobBytes: @escaping (Int) -> Void = { _ in },
            transferFailed: @escaping (String) -> Void = { _ in },
            closed: @escaping (String) -> Void
        ) {
            self.received = received
            self.malformed = malformed
            self.sentBlobBytes = sentBlobBytes
            self.transferFailed = transferFailed
            self.closed = closed
        }
    }

    private struct Transfer {
        let number: UInt64
        let source: any BlobSource
        let chunkBytes: Int
        var offset: Int
    }

    private let connection: TCPConnection
    private let shared: ChannelResources
    private var assembler: FrameAssembler?
    private var transfer: Transfer?
    private var callbacks: Callbacks?
    /// The time that a graceful close may take to deliver what is queued.
    private let closeLimit: Duration = .seconds(5)

    /// Creates a channel over a connection that was not started.
    public init(_ connection: TCPConnection, sharing resources: ChannelResources) {
        self.connection = connection
        shared = resources
    }

    /// The address of the other side.
    public var peer: String { connection.peerEndpoint.description }

    /// The bytes read from and written to the connection.
    public var byteCounts: (read: UInt64, written: UInt64) { (connection.bytesRead, connection.bytesWritten) }

    /// Begins to receive.
    ///
    /// - Parameters:
    ///   - frameLimit: the longest frame that is taken, in bytes.
    ///   - callbacks: run on the loop; they are let go when the connection has closed.
    public func start(frameLimit: Int, callbacks: Callbacks) {
        self.callbacks = callbacks
        let assembler = FrameAssembler(frameLimit: frameLimit, pool: shared.pool) {
            [unowned self] frame throws(WireError) in
            // A message that this version does not know is ignored, as the protocol says.
            guard let message = try Inbound.decode(frame, with: shared.decoder) else { return }
            self.callbacks?.received(message)
        }
        self.assembler = assembler
        connection.start(
            receiver: Receiver(assembler: assembler, refused: { self.callbacks?.malformed($0) }),
            onWritable: { self.pump() },
            onClose: { self.closed($0) }
        )
    }

    /// Changes the longest frame that is taken.
    public func setFrameLimit(_ byteCount: Int) {
        assembler?.frameLimit = byteCount
    }

    /// Changes how long the peer may take nothing of what is queued for it.
    public func setDeadlines(idle: Duration?, progress: Duration?) {
        connection.setDeadlines(idle: idle, progress: progress)
    }

    /// Sends a message.
    public func send(_ message: Outbound) {
        guard connection.isOpen else { return }
        do {
            try write(message)
        } catch {
            // A message past the limits of the protocol is never sent; the peer could only refuse it.
            callbacks?.malformed(error)
        }
    }

    private func write(_ message: Outbound) throws(WireError) {
        shared.header.removeAll(keepingCapacity: true)
        let payload = try message.append(to: &shared.header, with: shared.encoder)
        shared.header.withUnsafeBytes { header in
            if let payload, let owner = payload.owner {
                _ = connection.write(header: header, payload: OutboundBytes(payload.bytes, owner: owner))
            } else if let payload {
                _ = connection.write(borrowing: header)
                _ = connection.write(borrowing: payload.bytes)
            } else {
                _ = connection.write(borrowing: header)
            }
        }
    }

    // MARK: - Blobs

    /// Streams a blob from an offset on; replaces the transfer under way.
    public func beginTransfer(_ number: UInt64, of source: any BlobSource, offset: Int, chunkBytes: Int) {
        transfer = Transfer(number: number, source: source, chunkBytes: chunkBytes, offset: offset)
        pump()
    }

    /// Sends no more of the transfer under way.
    public func stopTransfer() {
        transfer = nil
    }

    /// Sends chunks as long as the connection takes them.
    private func pump() {
        while connection.isWritable, let current = transfer {
            let count = min(current.chunkBytes, current.source.byteCount - current.offset)
            guard count > 0 else {
                transfer = nil
                return
            }
            do {
                let data = try current.source.slice(offset: current.offset, count: count)
                transfer?.offset += count
                try write(Outbound.carrying(BlobChunk(transfer: current.number, offset: current.offset, data: data)))
                callbacks?.sentBlobBytes(count)
            } catch {
                transfer = nil
                callbacks?.transferFailed("\(error)")
            }
        }
    }

    // MARK: - Closing

    /// Sends a last message if there is one, delivers what is queued, then closes.
    public func close(_ goodbye: Goodbye?) {
        transfer = nil
        assembler?.stop()
        if let goodbye { send(.ending(goodbye)) }
        connection.close(within: closeLimit)
    }

    /// Closes at once.
    public func abort() {
        transfer = nil
        assembler?.stop()
        connection.abort()
    }

    private func closed(_ reason: CloseReason) {
        let callbacks = callbacks
        self.callbacks = nil
        transfer = nil
        callbacks?.closed("\(reason)")
    }

    private final class Receiver: StreamReceiver {
        private let assembler: FrameAssembler
        private let refused: (WireError) -> Void

        init(assembler: FrameAssembler, refused: @escaping (WireError) -> Void) {
            self.assembler = assembler
            self.refused = refused
        }

        func receiveBuffer(slab: UnsafeMutableRawBufferPointer) -> UnsafeMutableRawBufferPointer {
            assembler.receiveBuffer(slab: slab)
        }

        /// What is no frame ends the connection in an orderly way: thrown errors would cut off the goodbye.
        func received(_ bytes: UnsafeRawBufferPointer) throws {
            do {
                try assembler.received(bytes)
            } catch {
                refused(error)
            }
        }
    }
}

/// The channel of a coordinator to one agent or operator.
public typealias PeerChannel = MessageChannel<AgentMessage, CoordinatorMessage>
/// The channel of an agent or operator to its coordinator.
public typealias CoordinatorChannel = MessageChannel<CoordinatorMessage, AgentMessage>
