// SPDX-License-Identifier: Apache-2.0

import Foundation

/// One connection of a relay, with a thread a direction.
final class RelayLink: @unchecked Sendable {
    // Sendable: the counters are touched under the lock only; the descriptors stay open as long as the threads run.
    private let near: Int32
    private let far: Int32
    private let fate: TCPRelay.Fate
    private let condition = NSCondition()
    private var up = 0
    private var down = 0
    private var holds = false
    private var isCut = false
    private var running = 2

    init(near: Int32, far: Int32, fate: TCPRelay.Fate) {
        self.near = near
        self.far = far
        self.fate = fate
    }

    func start() {
        Thread { self.pump(from: self.near, to: self.far, isUp: true) }.start()
        Thread { self.pump(from: self.far, to: self.near, isUp: false) }.start()
    }

    var bytesUp: Int { condition.withLock { up } }
    var bytesDown: Int { condition.withLock { down } }
    var isHolding: Bool { condition.withLock { holds } }

    /// Ends both directions; what was passed on before arrives.
    func cut() {
        condition.withLock {
            guard !isCut, running > 0 else { return }
            isCut = true
            shutdown(near, Int32(SHUT_RDWR))
            shutdown(far, Int32(SHUT_RDWR))
            condition.broadcast()
        }
    }

    private func limit(isUp: Bool) -> Int? {
        switch fate {
        case .pass: nil
        case .cutUp(let count), .holdUp(let count): isUp ? count : nil
        case .cutDown(let count): isUp ? nil : count
        }
    }

    private func pump(from source: Int32, to sink: Int32, isUp: Bool) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { buffer.deallocate() }
        let limit = limit(isUp: isUp)
        var total = 0
        while limit == nil || total < limit ?? 0 {
            let count = recv(source, buffer.baseAddress, min(buffer.count, (limit ?? .max) - total), 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            // Counted before they are passed on: whoever sees their effect sees the count.
            total += count
            condition.withLock { if isUp { up = total } else { down = total } }
            let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            guard SocketCalls.sendAll(piece, to: sink) else { break }
        }
        if isUp, total == limit, case .holdUp = fate {
            condition.withLock {
                holds = true
                while !isCut { condition.wait() }
            }
        }
        cut()
        condition.withLock {
            running -= 1
            guard running == 0 else { return }
            close(near)
            close(far)
        }
    }
}
