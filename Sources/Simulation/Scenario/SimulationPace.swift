// SPDX-License-Identifier: Apache-2.0

import Rounds

/// How fast a simulation's rounds went: all that a round does but the evaluation.
///
/// The first round, in which memory is touched and caches warm up, is left out where there are others.
public struct SimulationPace: Sendable {
    /// Samples that went through training, each second.
    public let samplesPerSecond: Double
    /// Clients that trained, each second.
    public let clientsPerSecond: Double
    /// The time of a round: the median.
    public let medianRoundSeconds: Double

    /// Measures rounds; nil where there are none.
    init?(_ rounds: [CommittedRound]) {
        let rounds = rounds.count > 1 ? Array(rounds.dropFirst()) : rounds
        let times = rounds.map { $0.elapsed / .seconds(1) }.sorted()
        let seconds = times.reduce(0, +)
        guard seconds > 0 else { return nil }
        samplesPerSecond = Double(rounds.reduce(0) { $0 + $1.trainedSamples }) / seconds
        clientsPerSecond = Double(rounds.reduce(0) { $0 + $1.updateCount }) / seconds
        medianRoundSeconds = (times[(times.count - 1) / 2] + times[times.count / 2]) / 2
    }
}

extension SimulationResult {
    /// How fast the rounds went, in wall time; nil where rounds have a virtual clock.
    public var pace: SimulationPace? { hasWallTime ? SimulationPace(rounds.map(\.committed)) : nil }
}
