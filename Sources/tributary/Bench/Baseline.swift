// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What the machine itself can do, measured in the same run as what is compared with it.
enum Baseline {
    /// Copying memory, in bytes a second: the best of several passes over 128 MiB.
    static func memoryCopy() -> Double {
        let count = 128 << 20
        let source = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 4_096)
        let target = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 4_096)
        defer {
            source.deallocate()
            target.deallocate()
        }
        memset(source, 1, count)
        memset(target, 2, count)
        let clock = ContinuousClock()
        var best = 0.0
        for _ in 0..<5 {
            let begin = clock.now
            memcpy(target, source, count)
            best = max(best, Double(count) / Format.number(clock.now - begin))
        }
        return best
    }

    /// Plain blocking sockets over loopback, one thread a side, in bytes a second.
    static func plainTCP(byteCount: Int = 1 << 30) throws -> Double {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 1) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isListening else { throw Failure(.cannotListen, "the loopback interface cannot be listened on") }
        let target = address
        let sender = DetachedThread {
            let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var target = target
            let connected = withUnsafePointer(to: &target) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            let block = [UInt8](repeating: 7, count: 1 << 20)
            var left = connected ? byteCount : 0
            while left > 0 {
                let sent = send(client, block, min(left, block.count), 0)
                guard sent > 0 else { break }
                left -= sent
            }
            close(client)
        }
        let server = accept(listener, nil, nil)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        let clock = ContinuousClock()
        let begin = clock.now
        var total = 0
        while total < byteCount {
            let received = recv(server, &buffer, buffer.count, 0)
            guard received > 0 else { break }
            total += received
        }
        let seconds = Format.number(clock.now - begin)
        close(server)
        close(listener)
        sender.join()
        return Double(total) / seconds
    }
}

/// A thread for one piece of work.
final class DetachedThread {
    private final class Work {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private var thread = pthread_t()

    init(_ body: @escaping @Sendable () -> Void) {
        let context = Unmanaged.passRetained(Work(body)).toOpaque()
        pthread_create(&thread, nil, runDetachedWork, context)
    }

    func join() { pthread_join(thread, nil) }

    fileprivate static func run(_ context: UnsafeMutableRawPointer) {
        Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body()
    }
}

private func runDetachedWork(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let context { DetachedThread.run(context) }
    return nil
}
