// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Stands between an agent and a coordinator, counts the bytes, and breaks connections where a test wants it.
final class TCPRelay: @unchecked Sendable {
    // Sendable: the links are touched under the lock only.

    /// What happens to one connection.
    enum Fate: Sendable {
        /// Passes everything.
        case pass
        /// Cuts both ways after so many bytes from the agent.
        case cutUp(after: Int)
        /// Cuts both ways after so many bytes from the coordinator.
        case cutDown(after: Int)
        /// Passes so many bytes from the agent, then nothing of what the agent sends, but stays open.
        case holdUp(after: Int)
    }

    private let listener: Int32
    let port: UInt16
    private let target: UInt16
    private let fates: @Sendable (Int) -> Fate
    private let lock = NSLock()
    private var links: [RelayLink] = []

    /// Listens at once.
    ///
    /// - Parameters:
    ///   - target: the coordinator's port.
    ///   - fates: what happens to the first, second, ... connection, counted from 0.
    init(to target: UInt16, fates: @escaping @Sendable (Int) -> Fate) throws {
        (listener, port) = try SocketCalls.listen()
        self.target = target
        self.fates = fates
        Thread { self.accept() }.start()
    }

    private func accept() {
        while true {
            let near = Foundation.accept(listener, nil, nil)
            if near < 0, errno == EINTR { continue }
            guard near >= 0 else { return }
            guard let far = SocketCalls.connect(to: target) else {
                Foundation.close(near)
                continue
            }
            let link = lock.withLock {
                let link = RelayLink(near: near, far: far, fate: fates(links.count))
                links.append(link)
                return link
            }
            link.start()
        }
    }

    /// The bytes that went from the agent to the coordinator, connection by connection.
    var bytesUp: [Int] { lock.withLock { links.map(\.bytesUp) } }
    /// The bytes that went from the coordinator to the agent, connection by connection.
    var bytesDown: [Int] { lock.withLock { links.map(\.bytesDown) } }
    /// Whether a connection holds back what the agent sends.
    func isHolding(_ index: Int) -> Bool { lock.withLock { index < links.count && links[index].isHolding } }

    /// Cuts all connections that are open; what was passed on arrives.
    func cut() { for link in lock.withLock({ links }) { link.cut() } }

    /// Ends it.
    func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        Foundation.close(listener)
        cut()
    }
}
