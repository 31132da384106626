// SPDX-License-Identifier: Apache-2.0
internal import CLibuv

/// A write that the kernel did not take at once: keeps its memory until libuv is done with it.
final class WriteRequest {
    private let connection: TCPConnection
    private let request = UnsafeMutablePointer<uv_write_t>.allocate(capacity: 1)
    private var buffers: [uv_buf_t] = []
    private var owners: [AnyObject] = []
    private var copy: UnsafeMutableRawBufferPointer?

    /// Takes over `parts` without their first `skipping` bytes, which have been sent.
    init(connection: TCPConnection, parts: UnsafeBufferPointer<OutboundBytes>, skipping: Int) {
        self.connection = connection
        let rest = Self.rest(of: parts, skipping: skipping)
        let borrowed = rest.reduce(0) { $0 + ($1.owner == nil ? $1.bytes.count : 0) }
        var free: UnsafeMutableRawBufferPointer.SubSequence?
        if borrowed > 0 {
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: borrowed, alignment: 8)
            copy = memory
            free = memory[...]
        }
        buffers.reserveCapacity(rest.count)
        for part in rest {
            if let owner = part.owner {
                owners.append(owner)
                buffers.append(uv_buf_t(part.bytes))
            } else if let target = free {
                let place = UnsafeMutableRawBufferPointer(rebasing: target.prefix(part.bytes.count))
                place.copyMemory(from: part.bytes)
                buffers.append(uv_buf_t(UnsafeRawBufferPointer(place)))
                free = target.dropFirst(part.bytes.count)
            }
        }
    }

    deinit {
        copy?.deallocate()
        request.deallocate()
    }

    /// Hands the write to libuv, which keeps this object until it is done; returns libuv's status.
    func submit() -> Int32 {
        let context = Unmanaged.passRetained(self)
        request.pointee.data = context.toOpaque()
        let status = buffers.withUnsafeBufferPointer { buffers in
            uv_write(request, asStream(connection.handle), buffers.baseAddress, UInt32(buffers.count)) {
                request,
                status in
                guard let context = request?.pointee.data else { return }
                let finished = Unmanaged<WriteRequest>.fromOpaque(context).takeRetainedValue()
                // Memory goes before the sender is asked for more.
                finished.owners = []
                finished.connection.didWrite(status)
            }
        }
        if status < 0 { context.release() }
        return status
    }

    private static func rest(of parts: UnsafeBufferPointer<OutboundBytes>, skipping: Int) -> [OutboundBytes] {
        var skip = skipping
        var rest: [OutboundBytes] = []
        for part in parts {
            let skipped = min(skip, part.bytes.count)
            skip -= skipped
            guard skipped < part.bytes.count else { continue }
            let bytes = UnsafeRawBufferPointer(rebasing: part.bytes[skipped...])
            rest.append(part.owner.map { OutboundBytes(bytes, owner: $0) } ?? OutboundBytes(borrowing: bytes))
        }
        return rest
    }
}
