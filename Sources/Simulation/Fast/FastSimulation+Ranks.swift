// SPDX-License-Identifier: Apache-2.0

import Learning
import ModelState
import RoundWork
import Rounds

/// Which rank does which of a list of pieces of work.
struct RankShare {
    /// The pieces of each rank, ascending.
    let pieces: [[Int]]

    /// Pieces of known cost: the most costly first, each to the rank that has least to do. All ranks find the same.
    init(costs: [Int], ranks: Int) {
        var pieces = Array(repeating: [Int](), count: ranks)
        var loads = Array(repeating: 0, count: ranks)
        for piece in costs.indices.sorted(by: { (costs[$0], $1) > (costs[$1], $0) }) {
            let least = loads.indices.min { (loads[$0], $0) < (loads[$1], $1) } ?? 0
            pieces[least].append(piece)
            loads[least] += costs[piece] + 1
        }
        self.pieces = pieces.map { $0.sorted() }
    }

    /// Pieces that belong to clients: a client's are always its own rank's, which knows what the client remembers.
    init(clients: [Int], ranks: Int) {
        pieces = (0..<ranks).map { rank in clients.indices.filter { clients[$0] % ranks == rank } }
    }
}

extension FastSimulation {
    /// Trains honest clients, each on one rank.
    ///
    /// - Returns: the results of all tasks in their order, the same on all ranks.
    func trainShared(
        _ tasks: [TrainTask],
        from base: ParameterVector,
        memories: [Int: ClientMemory]
    ) throws -> [Result<ClientUpdate, ClientFailure>] {
        let clients = tasks.map { number(of: $0.key.agent) }
        let inputs = { @Sendable [data] (task: TrainTask) -> ClientTrainers.Inputs in
            let client = (task.key.agent.number ?? 1) - 1
            return .init(samples: data.samples(of: client), memory: memories[client] ?? ClientMemory())
        }
        let costs = clients.map { data.sampleCount(of: $0) }
        guard ranks.count > 1 else {
            return trainers.train(tasks, from: base, recipe: recipe, costs: costs, inputs: inputs)
        }
        // Nil where ranks take tasks from one list.
        let share =
            recipe.agentsRemember
            ? RankShare(clients: clients, ranks: ranks.count)
            : ranks.sharesTickets ? nil : RankShare(costs: costs, ranks: ranks.count)
        let turn = trainers.nextTurn()
        let results = trainers.train(
            tasks,
            from: base,
            recipe: recipe,
            order: ClientTrainers.dearestFirst(share?.pieces[ranks.rank] ?? Array(tasks.indices), costs),
            ticket: share == nil ? { [ranks] in ranks.takeTicket(turn: turn) } : nil,
            inputs: inputs
        )
        return try gather(results, of: tasks, elementCount: base.count)
    }

    /// Hands every rank the results of all ranks; those of this one are there already.
    private func gather(
        _ results: [Result<ClientUpdate, ClientFailure>?],
        of tasks: [TrainTask],
        elementCount: Int
    ) throws -> [Result<ClientUpdate, ClientFailure>] {
        let own = results.enumerated().compactMap { index, result in result.map { (task: index, result: $0) } }
        let vectors = own.compactMap { try? $0.result.get().elements }
        var message = RankMessage()
        message.append(UInt64(vectors.count))
        for (task, result) in own {
            message.append(UInt64(task))
            message.append(result)
        }
        var all = results
        var readers = try ranks.allGather(message.bytes).map { RankMessageReader($0) }
        let others = readers.indices.filter { $0 != ranks.rank }
        let received = Dictionary(
            uniqueKeysWithValues: others.map { rank in
                let count = readers[rank].read(UInt64.self)
                return (rank, (0..<count).map { _ in ownVector(elementCount) })
            }
        )
        try ranks.exchange(
            others.flatMap { rank in vectors.map { RankRun(rank: rank, bytes: $0.sharedBytes.bytes) } },
            into: others.flatMap { rank in
                (received[rank] ?? []).map { vector in
                    MutableRankRun(rank: rank, bytes: UnsafeMutableRawBufferPointer(mutating: vector.sharedBytes.bytes))
                }
            }
        )
        for rank in others {
            var vectors = (received[rank] ?? [])[...]
            while !readers[rank].isAtEnd {
                let task = Int(readers[rank].read(UInt64.self))
                all[task] = readers[rank].readResult(of: tasks[task]) {
                    vectors.popFirst() ?? { preconditionFailure("as many updates come as were announced") }()
                }
            }
        }
        return all.map { $0 ?? { preconditionFailure("every task is some rank's") }() }
    }

    /// A vector with any contents whose memory nobody else holds, so that it may be written to where it is.
    private func ownVector(_ elementCount: Int) -> ParameterVector {
        var vector = trainers.spares.take(count: elementCount)
        vector.withMutableElements { _ in }
        return vector
    }

    /// Does pieces of an evaluation, each on one rank.
    ///
    /// - Returns: the summaries of all pieces in their order, the same on all ranks.
    func summariesShared(
        _ share: RankShare,
        _ evaluate: ([Int]) throws -> [EvaluationSummary]
    ) throws -> [EvaluationSummary] {
        let own = share.pieces[ranks.rank]
        var message = RankMessage()
        for summary in try evaluate(own) { message.append(summary) }
        let count = share.pieces.reduce(0) { $0 + $1.count }
        var all = [EvaluationSummary](repeating: EvaluationSummary(), count: count)
        for (rank, bytes) in try ranks.allGather(message.bytes).enumerated() {
            var reader = RankMessageReader(bytes)
            for piece in share.pieces[rank] { all[piece] = reader.readSummary() }
        }
        return all
    }
}
