// SPDX-License-Identifier: Apache-2.0

internal import CMPI
public import Simulation

/// The processes that `mpirun` or `srun` started together, as the ranks of a simulation.
///
/// MPI is used by one thread at a time. It is started once in a process and cannot be started again after ``finish()``.
public final class MessagePassing: SimulationRanks {
    /// This process's number, from 0.
    public let rank: Int
    /// The number of processes.
    public let count: Int

    /// The bytes that one collective call carries: its counts are 32-bit.
    private static let windowBytes = 1 << 30

    /// What the processes of one machine see alike.
    private var shared: tributary_mpi_shared

    /// Joins the other processes.
    ///
    /// - Throws: ``SimulationError`` with code `ranksFailed` when MPI cannot be started.
    public init() throws {
        guard tributary_mpi_start() == 0 else {
            throw SimulationError(.ranksFailed, "MPI could not be started; start the program with mpirun")
        }
        rank = Int(tributary_mpi_rank())
        count = Int(tributary_mpi_size())
        shared = tributary_mpi_share()
    }

    /// Whether all processes are on one machine.
    public var sharesTickets: Bool { count > 1 && shared.word != nil }

    /// The next number of a turn, which no other rank is given.
    public func takeTicket(turn: UInt32) -> Int {
        guard let word = shared.word else { preconditionFailure("tickets are taken where they are shared") }
        return Int(tributary_mpi_ticket(word, turn))
    }

    /// Hands every rank the bytes of all ranks.
    public func allGather(_ bytes: [UInt8]) throws -> [[UInt8]] {
        var length = Int64(bytes.count)
        var lengths = [Int64](repeating: 0, count: count)
        try check(tributary_mpi_gather_lengths(&length, &lengths))
        let window = Self.windowBytes / count
        var all = lengths.map { [UInt8](repeating: 0, count: Int($0)) }
        for start in stride(from: 0, to: Int(lengths.max() ?? 0), by: window) {
            let counts = lengths.map { Int32(min(max(Int($0) - start, 0), window)) }
            var offsets: [Int32] = []
            var total: Int32 = 0
            for count in counts {
                offsets.append(total)
                total += count
            }
            try withUnsafeTemporaryAllocation(byteCount: max(Int(total), 1), alignment: 64) { received in
                try bytes.withUnsafeBytes { sent in
                    let own = sent.baseAddress.map { $0 + min(start, sent.count) }
                    try check(tributary_mpi_gather(own, counts[rank], received.baseAddress, counts, offsets))
                }
                for rank in all.indices where counts[rank] > 0 {
                    let piece = UnsafeRawBufferPointer(received)[Int(offsets[rank])..<Int(offsets[rank] + counts[rank])]
                    all[rank].withUnsafeMutableBytes { target in
                        UnsafeMutableRawBufferPointer(rebasing: target[start...]).copyMemory(
                            from: UnsafeRawBufferPointer(rebasing: piece)
                        )
                    }
                }
            }
        }
        return all
    }

    /// Sends runs of bytes to other ranks and receives theirs, from and to where they are.
    public func exchange(_ sent: [RankRun], into received: [MutableRankRun]) throws {
        // The runs of a pair of ranks are told apart by their order alone, so both sides cut them alike.
        func cut(_ rank: Int, _ bytes: UnsafeRawBufferPointer) -> [tributary_mpi_run] {
            stride(from: 0, to: bytes.count, by: Self.windowBytes).map { start in
                let count = Int32(min(bytes.count - start, Self.windowBytes))
                let address = bytes.baseAddress.map { UnsafeMutableRawPointer(mutating: $0 + start) }
                return tributary_mpi_run(bytes: address, count: count, rank: Int32(rank))
            }
        }
        let out = sent.flatMap { cut($0.rank, $0.bytes) }
        let into = received.flatMap { cut($0.rank, UnsafeRawBufferPointer($0.bytes)) }
        try check(tributary_mpi_exchange(out, Int32(out.count), into, Int32(into.count)))
    }

    /// Leaves the other processes once all have come so far.
    public func finish() { _ = tributary_mpi_finish(&shared) }

    /// Ends all processes: one of them cannot go on, and the others would wait for it.
    public func abort(code: Int32) { tributary_mpi_abort(code) }

    private func check(_ code: Int32) throws {
        guard code == 0 else {
            throw SimulationError(.ranksFailed, "MPI failed with code \(code); see what mpirun said of the ranks")
        }
    }
}
