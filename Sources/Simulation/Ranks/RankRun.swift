// SPDX-License-Identifier: Apache-2.0

/// Bytes for a rank, or from one. They are sent, and arrive, where they are in memory.
public struct RankRun {
    /// The other rank.
    public let rank: Int
    /// What is sent.
    public let bytes: UnsafeRawBufferPointer

    /// Creates a run.
    public init(rank: Int, bytes: UnsafeRawBufferPointer) {
        self.rank = rank
        self.bytes = bytes
    }
}

/// Room for bytes from a rank.
public struct MutableRankRun {
    /// The other rank.
    public let rank: Int
    /// What is written.
    public let bytes: UnsafeMutableRawBufferPointer

    /// Creates a run.
    public init(rank: Int, bytes: UnsafeMutableRawBufferPointer) {
        self.rank = rank
        self.bytes = bytes
    }
}

extension SimulationRanks {
    /// Exchanges runs by way of ``allGather(_:)``: every rank is handed all of them and takes its own.
    public func exchange(_ sent: [RankRun], into received: [MutableRankRun]) throws {
        var message = RankMessage()
        for run in sent {
            message.append(UInt64(run.rank))
            message.append(bytes: run.bytes)
        }
        for (rank, bytes) in try allGather(message.bytes).enumerated() {
            var reader = RankMessageReader(bytes)
            var own = received.filter { $0.rank == rank }[...]
            while !reader.isAtEnd {
                let target = reader.read(UInt64.self) == self.rank ? own.popFirst() : nil
                reader.readBytes { bytes in
                    if let target { target.bytes.copyMemory(from: bytes) }
                }
            }
        }
    }
}
