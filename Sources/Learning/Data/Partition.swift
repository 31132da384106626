// SPDX-License-Identifier: Apache-2.0

/// Which samples each client has: every sample belongs to exactly one client.
///
/// Clients' lists stand one after the other in one array (compressed rows), so that a million clients cost 8 bytes each
/// and 4 for each sample.
public struct Partition: Sendable, Hashable {
    /// Client `k` has the indices at `offsets[k] ..< offsets[k + 1]`.
    public let offsets: [Int]
    /// Sample numbers, ascending within a client.
    public let indices: [UInt32]

    /// The number of clients.
    public var clientCount: Int { offsets.count - 1 }

    /// Groups samples by owner.
    ///
    /// - Precondition: every owner lies in 0 ..< clientCount.
    init(owners: [UInt32], clientCount: Int) {
        var offsets = [Int](repeating: 0, count: clientCount + 1)
        for owner in owners { offsets[Int(owner) + 1] += 1 }
        for client in 0..<clientCount { offsets[client + 1] += offsets[client] }
        var next = offsets
        indices = [UInt32](unsafeUninitializedCapacity: owners.count) { buffer, count in
            for (sample, owner) in owners.enumerated() {
                buffer[next[Int(owner)]] = UInt32(truncatingIfNeeded: sample)
                next[Int(owner)] += 1
            }
            count = owners.count
        }
        self.offsets = offsets
    }

    /// Gives each client as many samples, in their order.
    public init(clients: Int, samplesEach count: Int) {
        precondition(clients * count <= Int(UInt32.max), "a table has at most 2^32 - 1 samples")
        offsets = (0...clients).map { $0 * count }
        indices = Array(0..<UInt32(clients * count))
    }

    /// The samples of a client.
    public subscript(client: Int) -> ArraySlice<UInt32> {
        indices[offsets[client]..<offsets[client + 1]]
    }

    /// The number of samples of a client.
    public func count(of client: Int) -> Int {
        offsets[client + 1] - offsets[client]
    }
}
