// SPDX-License-Identifier: Apache-2.0

internal import GRDB
internal import Rounds

/// How values look in the database; the rules are those of the schema.
enum LedgerValues {
    static func signed(_ number: UInt64) -> Int64 { Int64(bitPattern: number) }
    static func unsigned(_ number: Int64) -> UInt64 { UInt64(bitPattern: number) }

    static func nanoseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || carry ? (seconds < 0 ? .min : .max) : sum
    }

    static func text(_ bytes: BytesByKind) -> String { bytes.counts.map { String($0) }.joined(separator: " ") }

    static func text(_ tasks: [AskedTask]) -> String {
        tasks.map { "\($0.key.agent) \($0.key.round) \($0.key.attempt) \($0.base)" }.joined(separator: " ")
    }

    static func tasks(_ text: String, of job: JobID) throws -> [AskedTask] {
        let words = text.split(separator: " ")
        return try stride(from: 0, to: words.count, by: 4).map { first in
            guard first + 4 <= words.count, let agent = AgentID(String(words[first])),
                let round = UInt32(words[first + 1]), let attempt = UInt32(words[first + 2]),
                let base = UInt32(words[first + 3])
            else { throw LedgerError(.corrupt, "the journal's list of carried work of \(job) cannot be read") }
            let key = UpdateKey(job: job, round: RoundNumber(round), attempt: attempt, agent: agent)
            return AskedTask(key: key, base: RoundNumber(base))
        }
    }

    static func cohort(_ text: String, of job: JobID) throws -> [AgentID] {
        try text.split(separator: " ").map { name in
            guard let agent = AgentID(String(name)) else {
                throw LedgerError(.corrupt, "the journal's list of a cohort of \(job) cannot be read")
            }
            return agent
        }
    }

    /// Why a cohort was chosen; nil where a journal of an earlier version does not say.
    static func reasons(_ text: String, of cohort: [AgentID], _ job: JobID) throws -> SelectionReasons? {
        guard !text.isEmpty else { return cohort.isEmpty ? SelectionReasons([]) : nil }
        guard let reasons = SelectionReasons(parsing: text, count: cohort.count) else {
            throw LedgerError(.corrupt, "the journal's reasons of a cohort of \(job) cannot be read")
        }
        return reasons
    }

    static func text(_ answers: AnswerCounts?) -> String {
        guard let answers else { return "" }
        return ([UInt64(answers.classes), UInt64(answers.seenClasses)] + answers.counts).map { "\($0)" }
            .joined(separator: " ")
    }

    static func answers(_ text: String, of job: JobID) throws -> AnswerCounts? {
        guard !text.isEmpty else { return nil }
        let words = text.split(separator: " ").compactMap { UInt64($0) }
        guard words.count > 2, let classes = Int(exactly: words[0]), let seen = Int(exactly: words[1]),
            (1...AnswerCounts.maximumClasses).contains(classes), seen <= classes,
            words.count == 2 + classes * classes
        else { throw LedgerError(.corrupt, "the journal's answers of an evaluation of \(job) cannot be read") }
        return AnswerCounts(classes: classes, seenClasses: seen, counts: Array(words[2...]))
    }

    static func real(_ number: Double) -> Double? { number.isNaN ? nil : number }
    static func real(_ stored: Double?) -> Double { stored ?? .nan }
}

extension Row {
    func number(_ column: String) -> UInt64 { LedgerValues.unsigned(self[column]) }
    func real(_ column: String) -> Double { LedgerValues.real(self[column] as Double?) }
    func duration(_ column: String) -> Duration { .nanoseconds(self[column] as Int64) }
    func round(_ column: String = "round") throws -> RoundNumber { RoundNumber(try word(column)) }

    func word(_ column: String) throws -> UInt32 {
        guard let number = UInt32(exactly: self[column] as Int64) else { throw damage(column) }
        return number
    }

    func bytesByKind() throws -> BytesByKind {
        let words = (self["bytes_by_kind"] as String).split(separator: " ").map { UInt64($0) }
        guard let bytes = BytesByKind(counts: words.compactMap { $0 }), !words.contains(nil) else {
            throw damage("bytes_by_kind")
        }
        return bytes
    }

    func digest(_ column: String) throws -> BlobDigest {
        guard let digest = BlobDigest(parsing: self[column]) else { throw damage(column) }
        return digest
    }

    func agent(_ column: String = "agent") throws -> AgentID {
        guard let agent = AgentID(self[column] as String) else { throw damage(column) }
        return agent
    }

    func reason(_ column: String) throws -> ReasonCode {
        guard let reason = ReasonCode(rawValue: try word(column)) else { throw damage(column) }
        return reason
    }

    func damage(_ column: String) -> LedgerError {
        LedgerError(.corrupt, "the journal has an impossible value in '\(column)'; restore a copy or put it aside")
    }
}
