// SPDX-License-Identifier: Apache-2.0

import ModelState

/// What an encoder remembers: named vectors, and those that take their place once the pending update is accepted.
public struct EncoderMemory: Sendable, Equatable, Codable {
    /// The specification of the encoder that it belongs to.
    public let specification: String
    /// The round of the last accepted update; nil before the first.
    public internal(set) var lastRound: Int?
    var vectors: [String: [Float]] = [:]
    var pending: Pending?

    struct Pending: Sendable, Equatable, Codable {
        var round: Int
        var accepted: [String: [Float]]
        var refused: [String: [Float]]
    }

    init(specification: String) {
        self.specification = specification
    }

    /// Whether an update's fate is open.
    public var hasPendingUpdate: Bool { pending != nil }

    mutating func settle(_ outcome: EncodingOutcome) {
        guard let pending else { return }
        switch outcome {
        case .accepted:
            vectors = pending.accepted
            lastRound = pending.round
        case .refused:
            vectors = pending.refused
        case .repeated:
            break
        }
        self.pending = nil
    }

    /// A stored vector, or zeros where there is none of this length: a changed layout starts afresh.
    func vector(_ name: String, count: Int) -> ParameterVector {
        guard let stored = vectors[name], stored.count == count else { return ParameterVector(zeros: count) }
        return ParameterVector(stored)
    }
}

extension EncoderMemory {
    /// Everything that is remembered apart from vectors.
    package struct Summary: Sendable, Codable, Equatable {
        package var specification: String
        package var lastRound: Int?
        package var pendingRound: Int?
    }

    /// The memory in two parts: a few words, and vectors by a path that says what they are.
    package var parts: (summary: Summary, vectors: [String: [Float]]) {
        var all: [String: [Float]] = [:]
        for (name, vector) in vectors { all["current/\(name)"] = vector }
        for (name, vector) in pending?.accepted ?? [:] { all["accepted/\(name)"] = vector }
        for (name, vector) in pending?.refused ?? [:] { all["refused/\(name)"] = vector }
        let summary = Summary(specification: specification, lastRound: lastRound, pendingRound: pending?.round)
        return (summary, all)
    }

    /// Puts a memory together again.
    package init(_ summary: Summary, vectors all: [String: [Float]]) {
        func under(_ prefix: String) -> [String: [Float]] {
            var found: [String: [Float]] = [:]
            for (path, vector) in all where path.hasPrefix(prefix) {
                found[String(path.dropFirst(prefix.count))] = vector
            }
            return found
        }
        self.init(specification: summary.specification)
        lastRound = summary.lastRound
        vectors = under("current/")
        if let round = summary.pendingRound {
            pending = Pending(round: round, accepted: under("accepted/"), refused: under("refused/"))
        }
    }

    func checked(for specification: String) throws(UpdateCodingError) -> EncoderMemory {
        guard self.specification == specification else {
            throw UpdateCodingError(
                .malformed,
                "the stored memory is of codec '\(self.specification)', not of '\(specification)'; drop it"
            )
        }
        return self
    }
}
