// SPDX-License-Identifier: Apache-2.0

/// The bytes that each client sent and received.
public struct ClientTraffic: Sendable, Equatable, Codable {
    /// Bytes over the clients that took part.
    public struct Summary: Sendable, Equatable {
        /// The clients that took part.
        public let clients: Int
        /// The bytes of all of them.
        public let total: UInt64
        /// The bytes of the client with the most.
        public let maximum: UInt64

        /// The mean; 0 for no clients.
        public var mean: Double { clients == 0 ? 0 : Double(total) / Double(clients) }

        init(_ bytes: [Int: UInt64]) {
            clients = bytes.count
            total = bytes.values.reduce(0, &+)
            maximum = bytes.values.max() ?? 0
        }
    }

    private var sent: [Int: UInt64] = [:]
    private var received: [Int: UInt64] = [:]

    /// The updates that clients sent.
    public var up: Summary { Summary(sent) }
    /// The models that clients received.
    public var down: Summary { Summary(received) }

    mutating func countUpdate(_ bytes: Int, from client: Int) { sent[client, default: 0] += UInt64(bytes) }
    mutating func countModel(_ bytes: Int, to client: Int) { received[client, default: 0] += UInt64(bytes) }
}
