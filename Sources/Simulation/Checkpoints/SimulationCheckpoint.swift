// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import ModelState
import RoundWork
import Rounds

/// All that a fast simulation needs to go on after a round, with the same bits: the model and what its strategy
/// remembers, what the clients remember, the history and the counts.
struct SimulationCheckpoint {
    /// One round of the history.
    struct Round: Codable {
        var round: UInt32
        var digest: String
        var updateCount: Int
        var weight: Double
        var bytesUp: UInt64
        var bytesUpByKind: BytesByKind
        var trainedSamples: UInt64
        var loss: Double
        var trainingTime: Time
        var elapsed: Time
        var evaluation: EvaluationSummary?
        var decomposition: LossDecomposition?
        var totalBytesDown: UInt64
        var totalBytesUp: UInt64
        var totalElapsed: Time
    }

    /// A duration as its exact parts.
    struct Time: Codable {
        var seconds: Int64
        var attoseconds: Int64

        init(_ duration: Duration) {
            (seconds, attoseconds) = duration.components
        }

        var duration: Duration { Duration(secondsComponent: seconds, attosecondsComponent: attoseconds) }
    }

    /// Everything but the vectors.
    struct Words: Codable {
        /// The scenario, without what may differ in a run that goes on; see ``scenarioText(_:)``.
        var scenario: String
        var rounds: [Round]
        var refusedUpdates: UInt64
        /// Round and attempt of each client's last update that counted.
        var lastCounted: [Int: [UInt32]]
        var evaluatedRound: UInt32?
        var evaluation: EvaluationSummary?
        var bytesDown: UInt64
        var virtualNow: Time
        var updateCount: Int
        var trainingElapsed: Time
        var elapsed: Time
        var traffic: ClientTraffic
        /// The round of the model that each client holds, in jobs with anchors.
        var held: [Int: UInt32]
        /// What is remembered to choose clients by; nil where nothing is.
        var selection: SelectionMemory?
    }

    var words: Words
    var model: ParameterVector
    /// What the strategy remembers, and the model's coded parts.
    var roundState: PackedState
    /// What clients remember, by number.
    var memories: [Int: PackedState]

    /// The round after which it was made.
    var round: RoundNumber { RoundNumber(words.rounds.last?.round ?? 0) }

    /// The scenario as text with sorted keys. The number of rounds, of threads, and the target may change when a run
    /// goes on.
    static func scenarioText(_ scenario: Scenario) throws -> String {
        var scenario = scenario
        scenario.job.rounds = 1
        scenario.job.target = nil
        scenario.threads = 0
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(scenario), as: UTF8.self)
    }

    // MARK: Bytes

    /// All of it in one state.
    func packed() throws -> PackedState {
        var all = PackedState()
        all.texts["checkpoint"] = String(decoding: try JSONEncoder().encode(words), as: UTF8.self)
        all.add("model", model)
        all.add("round", roundState)
        for (client, memory) in memories.sorted(by: { $0.key < $1.key }) { all.add("client/\(client)", memory) }
        return all
    }

    /// Takes it apart again.
    ///
    /// - Throws: ``SimulationError`` with code `unusableCheckpoint`.
    init(_ all: PackedState, path: String) throws {
        guard let text = all.texts["checkpoint"],
            let words = try? JSONDecoder().decode(Words.self, from: Data(text.utf8)),
            let model = all.vector("model")
        else { throw SimulationError(.unusableCheckpoint, "'\(path)' is no checkpoint of a simulation; remove it") }
        self.words = words
        self.model = model
        roundState = all.state("round")
        memories = [:]
        for client in all.stateNumbers(under: "client/") { memories[client] = all.state("client/\(client)") }
    }

    init(words: Words, model: ParameterVector, roundState: PackedState, memories: [Int: PackedState]) {
        self.words = words
        self.model = model
        self.roundState = roundState
        self.memories = memories
    }
}

extension PackedState {
    /// Adds another state under a name.
    fileprivate mutating func add(_ name: String, _ inner: PackedState) {
        for (key, text) in inner.texts { texts["\(name)|\(key)"] = text }
        for (key, bytes) in inner.blobs { add("\(name)|\(key)", bytes) }
    }

    /// The state that was added under a name.
    fileprivate func state(_ name: String) -> PackedState {
        var inner = PackedState()
        let prefix = "\(name)|"
        for (key, text) in texts where key.hasPrefix(prefix) { inner.texts[String(key.dropFirst(prefix.count))] = text }
        for (key, bytes) in blobs where key.hasPrefix(prefix) { inner.add(String(key.dropFirst(prefix.count)), bytes) }
        return inner
    }

    /// The numbers N of the states added as PREFIX + N.
    fileprivate func stateNumbers(under prefix: String) -> Set<Int> {
        Set(
            (Array(texts.keys) + blobs.map(\.name)).compactMap { name in
                guard name.hasPrefix(prefix), let end = name.firstIndex(of: "|") else { return nil }
                return Int(name[name.index(name.startIndex, offsetBy: prefix.count)..<end])
            }
        )
    }

    fileprivate func vector(_ name: String) -> ParameterVector? {
        vectors(under: name).first { $0.key.isEmpty }?.value
    }
}
