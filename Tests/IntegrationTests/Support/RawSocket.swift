// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A plain socket to a coordinator.
final class RawSocket {
    private var descriptor: Int32
    /// All that came so far.
    private(set) var received: [UInt8] = []
    /// Whether the other side has closed or reset the connection.
    private(set) var isEnded = false

    init(to port: UInt16) throws {
        guard let connected = SocketCalls.connect(to: port) else {
            throw TestFailure("port \(port) takes no connection")
        }
        descriptor = connected
    }

    deinit { close() }

    func close() {
        if descriptor >= 0 { Foundation.close(descriptor) }
        descriptor = -1
    }

    /// Sends bytes; false when the other side is gone.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { SocketCalls.sendAll($0, to: descriptor) }
    }

    /// Takes in what has come.
    func poll() {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while !isEnded {
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return }
            if count > 0 { received += buffer[..<count] } else { isEnded = true }
        }
    }

    /// Waits until the other side ends the connection.
    ///
    /// - Returns: the frames that came before.
    func framesUntilEnd() async throws -> [WireFrame] {
        try await eventually("the coordinator ends the connection") {
            poll()
            return isEnded
        }
        return try WireFrame.parse(received)
    }

    /// Waits for that many frames.
    func frames(_ count: Int) async throws -> [WireFrame] {
        try await eventually("\(count) frames come") {
            poll()
            return try WireFrame.parse(received).count >= count
        }
        return try WireFrame.parse(received)
    }
}
