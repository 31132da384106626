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
        let cost = { (task: TrainTask) in self.data.sampleCount(of: self.number(of: task.key.agent)) }
        guard ranks.count > 1 else {
            return trainers.train(tasks, from: base, recipe: recipe, cost: cost, inputs: inputs)
        }
        let share =
            recipe.agentsRemember
            ? RankShare(clients: clients, ranks: ranks.count)
            : RankShare(costs: clients.map { data.sampleCount(of: $0) }, ranks: ranks.count)
        let own = share.pieces[ranks.rank]
        let results = trainers.train(
            own.map { tasks[$0] },
            from: base,
            recipe: recipe,
            cost: cost,
            inputs: inputs
        )
        var message = RankMessage()
        for result in results { message.append(result) }
        var all = [Result<ClientUpdate, ClientFailure>?](repeating: nil, count: tasks.count)
        for (rank, bytes) in try ranks.allGather(message.bytes).enumerated() where rank != ranks.rank {
            var reader = RankMessageReader(bytes)
            for piece in share.pieces[rank] { all[piece] = reader.readResult(of: tasks[piece]) }
        }
        for (piece, result) in zip(own, results) { all[piece] = result }
        return all.map { $0 ?? { preconditionFailure("every task is some rank's") }() }
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
