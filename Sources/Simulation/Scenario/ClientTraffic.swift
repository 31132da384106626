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

        init(_ bytes: [UInt64]) {
            clients = bytes.count { $0 > 0 }
            total = bytes.reduce(0, &+)
            maximum = bytes.max() ?? 0
        }
    }

    /// By the clients' numbers.
    private var sent: [UInt64]
    private var received: [UInt64]

    init(clients: Int) {
        sent = Array(repeating: 0, count: clients)
        received = sent
    }

    /// The updates that clients sent.
    public var up: Summary { Summary(sent) }
    /// The models that clients received.
    public var down: Summary { Summary(received) }

    mutating func countUpdate(_ bytes: Int, from client: Int) { sent[client] += UInt64(bytes) }
    mutating func countModel(_ bytes: Int, to client: Int) { received[client] += UInt64(bytes) }
}
