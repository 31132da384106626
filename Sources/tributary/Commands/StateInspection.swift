// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Ledger
import Rounds
import Selection

/// What is in a coordinator's or an agent's state folder.
struct StateInspection {
    private struct Record: Encodable {
        struct Round: Encodable {
            let round: UInt32
            let updates: Int
            let loss: Double
            let seconds: Double
            let modelDigest: String
            var accuracy: Double?

            private enum CodingKeys: String, CodingKey {
                case round, updates, loss, seconds, accuracy
                case modelDigest = "model_digest"
            }
        }

        /// Who was asked in an attempt at a round, and why.
        struct Selection: Encodable {
            struct Choice: Encodable {
                let agent: String
                let reason: String?
                let value: Double?
            }

            let round: UInt32
            let attempt: UInt32
            let chosen: [Choice]
            /// How many for each reason, for people.
            let summary: String

            private enum CodingKeys: String, CodingKey { case round, attempt, chosen }

            init(_ selection: JobHistory.Selection) {
                round = selection.round.value
                attempt = selection.attempt
                chosen = selection.cohort.indices.map { place in
                    let reason = selection.reasons?[place]
                    // JSON has no infinite numbers: a loss that was none counts as the lowest.
                    let value = reason?.value.flatMap { $0.isFinite ? $0 : nil }
                    return Choice(agent: "\(selection.cohort[place])", reason: reason?.rule.rawValue, value: value)
                }
                summary = (selection.reasons?.counts ?? []).map { "\($0.count) \($0.rule.rawValue)" }
                    .joined(separator: ", ")
            }
        }

        struct Job: Encodable {
            let job: String
            let name: String
            let phase: String
            let message: String
            let openRound: String?
            let rounds: [Round]
            let selections: [Selection]

            private enum CodingKeys: String, CodingKey {
                case job, name, phase, message, rounds, selections
                case openRound = "open_round"
            }
        }

        let folder: String
        let jobs: [Job]
        let outbox: [String]
    }

    private let record: Record

    /// Reads the folder. Nothing in it may run meanwhile.
    init(_ path: String) throws {
        let hasJournal = FileManager.default.fileExists(atPath: "\(path)/ledger.sqlite")
        let hasOutbox = FileManager.default.fileExists(atPath: "\(path)/outbox")
        guard hasJournal || hasOutbox else {
            throw Failure(.badInput, "'\(path)' is no state folder: it has neither a journal nor an outbox")
        }
        let state = try StateFolder(path: path)
        var jobs: [Record.Job] = []
        if hasJournal {
            let ledger = try Ledger(in: state)
            jobs = try ledger.recover().map { try Self.describe($0, ledger) }
        }
        let outbox =
            hasOutbox ? try Outbox(in: state).list().map { "\($0.key), \($0.byteCount) bytes of \($0.codec)" } : []
        record = Record(folder: path, jobs: jobs, outbox: outbox)
    }

    private static func describe(_ job: RecoveredJob, _ ledger: Ledger) throws -> Record.Job {
        let history = try ledger.history(of: job.job)
        let evaluations = Dictionary(
            history.evaluations.map { ($0.round, $0.summary) },
            uniquingKeysWith: { $1 }
        )
        let rounds = job.committed.map { committed in
            Record.Round(
                round: committed.round.value,
                updates: committed.updateCount,
                loss: committed.loss,
                seconds: Format.number(committed.elapsed),
                modelDigest: "\(committed.modelDigest)",
                accuracy: evaluations[committed.round]?.accuracy
            )
        }
        let open = job.open.map {
            "round \($0.round).\($0.attempt): \($0.accepted.count) of \($0.cohort.count) updates"
        }
        return Record.Job(
            job: "\(job.job)",
            name: job.specification.name,
            phase: "\(job.phase)",
            message: job.message,
            openRound: open,
            rounds: rounds,
            selections: history.selections.map { Record.Selection($0) }
        )
    }

    /// Prints what was found.
    func show(json: Bool) throws {
        if json { return Console.print(try Format.json(record)) }
        Console.print("\(record.folder): \(record.jobs.count) jobs, \(record.outbox.count) updates in the outbox")
        for job in record.jobs {
            Console.print("\(job.job)  \(job.phase)  \(job.name)  \(job.message)")
            for round in job.rounds {
                let accuracy = round.accuracy.map { "  accuracy \(Format.decimals($0, 4))" } ?? ""
                Console.print(
                    "  round \(round.round)  \(round.updates) updates  "
                        + "loss \(Format.decimals(round.loss, 4))\(accuracy)  "
                        + "\(Format.decimals(round.seconds, 3)) s  \(round.modelDigest)"
                )
            }
            if let open = job.openRound { Console.print("  open: \(open)") }
            for selection in job.selections where !selection.summary.isEmpty {
                Console.print("  asked in round \(selection.round).\(selection.attempt): \(selection.summary)")
            }
        }
        for update in record.outbox { Console.print("  outbox: \(update)") }
    }
}
