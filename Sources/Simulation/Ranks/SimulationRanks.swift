// SPDX-License-Identifier: Apache-2.0

/// The processes that share the work of one simulation.
///
/// Every rank runs the whole job: the same decisions from the same events. Only what costs time is shared out, the
/// clients' training and the evaluation, and its results are exchanged. So all ranks hold the same model after every
/// round, with the bits that one process alone would have.
public protocol SimulationRanks: AnyObject {
    /// This process's number, from 0.
    var rank: Int { get }
    /// The number of processes, at least 1.
    var count: Int { get }

    /// Hands every rank the bytes of all ranks, in the order of the ranks. All ranks must call it, in the same order.
    ///
    /// - Throws: ``SimulationError`` with code `ranksFailed` when a rank is gone.
    func allGather(_ bytes: [UInt8]) throws -> [[UInt8]]

    /// Sends runs of bytes to other ranks and receives theirs. All ranks must call it, in the same order.
    ///
    /// What a rank sends to another is received there in the order in which it was sent, each run in one of as many
    /// bytes.
    ///
    /// - Throws: ``SimulationError`` with code `ranksFailed` when a rank is gone.
    func exchange(_ sent: [RankRun], into received: [MutableRankRun]) throws

    /// Whether ranks can take work from one list while they work, by ``takeTicket(turn:)``; the same on all ranks.
    var sharesTickets: Bool { get }

    /// The next number of a turn, from 0, which no other call of any rank is given; from any thread.
    ///
    /// - Parameter turn: from 1, ascending; a turn ends when all ranks gather after it.
    func takeTicket(turn: UInt32) -> Int
}

extension SimulationRanks {
    /// They cannot: who does what is settled before.
    public var sharesTickets: Bool { false }

    /// Never called where tickets are not shared.
    public func takeTicket(turn: UInt32) -> Int { preconditionFailure("these ranks share no tickets") }
}

/// One process for all the work.
public final class SingleRank: SimulationRanks {
    /// Creates the only rank.
    public init() {}

    /// 0.
    public var rank: Int { 0 }
    /// 1.
    public var count: Int { 1 }

    /// The same bytes.
    public func allGather(_ bytes: [UInt8]) -> [[UInt8]] { [bytes] }
}
