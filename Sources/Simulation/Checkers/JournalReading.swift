// SPDX-License-Identifier: Apache-2.0

import Rounds

/// What a journal tells about the updates of each round: read on its own, without the code under test.
struct JournalReading {
    struct Attempt: Hashable {
        let job: JobID
        let round: RoundNumber
        let number: UInt32
    }

    struct Commit {
        let attempt: Attempt
        let record: CommittedRound
        let updates: [AcceptedUpdate]
    }

    private(set) var specifications: [JobID: JobSpecification] = [:]
    private(set) var commits: [Commit] = []
    private(set) var abandoned: Set<Attempt> = []
    private(set) var ended: [JobID: JobPhase] = [:]
    private(set) var problems: [String] = []
    /// The open attempt of each job with what is accepted in it.
    private(set) var open: [JobID: (attempt: Attempt, updates: [UpdateKey: AcceptedUpdate])] = [:]

    init(_ journal: [JournalEntry]) {
        for entry in journal { read(entry) }
    }

    private mutating func read(_ entry: JournalEntry) {
        switch entry {
        case .submitted(let job, let specification):
            specifications[job] = specification
        case .phase(let job, let phase, _):
            if phase.isOver { ended[job] = phase }
        case .roundStarted(let job, let round, let number, _, _, _):
            open[job] = (Attempt(job: job, round: round, number: number), [:])
        case .accepted(let update):
            let carried = update.key.round < update.round
            let opened = open[update.key.job]?.attempt
            guard opened?.round == update.round, carried || opened?.number == update.key.attempt else {
                problems.append("I1: \(update.key) was accepted while its round was not open")
                return
            }
            if open[update.key.job]?.updates.updateValue(update, forKey: update.key) != nil {
                problems.append("I2: \(update.key) was accepted twice in one round")
            }
        case .roundAbandoned(let job, let round, let number):
            abandoned.insert(Attempt(job: job, round: round, number: number))
            open[job] = nil
        case .roundCommitted(let job, let record):
            guard let (attempt, updates) = open[job], attempt.round == record.round else {
                problems.append("I4: round \(record.round) of \(job) was committed without being open")
                return
            }
            let ordered = updates.values.sorted { $0.key < $1.key }
            commits.append(Commit(attempt: attempt, record: record, updates: ordered))
            open[job] = nil
        case .refused, .evaluated, .samplesKept, .samplesPurged:
            break
        }
    }

    /// Whether an accepted update counts, may still count, or visibly does not count.
    func isSettled(_ key: UpdateKey) -> Bool {
        if specifications[key.job]?.round.mode == .buffered { return isSettledAnywhere(key) }
        let attempt = Attempt(job: key.job, round: key.round, number: key.attempt)
        if abandoned.contains(attempt) { return true }
        if let (current, updates) = open[key.job], current == attempt {
            return updates[key] != nil || ended[key.job] != nil
        }
        let commit = commits.first { $0.attempt == attempt }
        return commit?.updates.contains { $0.key == key } ?? (ended[key.job].map { $0 != .finished } ?? false)
    }

    /// The same where updates may count in later rounds than their own; a buffer that holds something is never given
    /// up.
    private func isSettledAnywhere(_ key: UpdateKey) -> Bool {
        if open[key.job]?.updates[key] != nil { return true }
        if ended[key.job].map({ $0 != .finished }) ?? false { return true }
        return commits.contains { commit in commit.updates.contains { $0.key == key } }
    }
}
