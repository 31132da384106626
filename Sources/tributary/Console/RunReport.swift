// SPDX-License-Identifier: Apache-2.0

import Glibc
import Rounds

/// What a run ends with; the keys of `--json` are kept stable.
struct RunReport: Encodable {
    let name: String
    let mode: String
    let phase: String
    let rounds: Int
    let accuracy: Double
    let loss: Double
    let seconds: Double
    let trainSeconds: Double
    let samplesPerSecond: Double
    let clientUpdatesPerSecond: Double
    let bytesUp: UInt64
    let bytesDown: UInt64
    let peakRSSMegabytes: Double
    let modelDigest: String
    let acceptedUpdates: UInt64
    let refusedUpdates: UInt64
    let message: String

    private enum CodingKeys: String, CodingKey {
        case name, mode, phase, rounds, accuracy, loss, seconds, message
        case trainSeconds = "train_seconds"
        case samplesPerSecond = "samples_per_s"
        case clientUpdatesPerSecond = "client_updates_per_s"
        case bytesUp = "bytes_up"
        case bytesDown = "bytes_down"
        case peakRSSMegabytes = "peak_rss_mb"
        case modelDigest = "model_digest"
        case acceptedUpdates = "accepted_updates"
        case refusedUpdates = "refused_updates"
    }

    /// Sums up a job.
    ///
    /// - Parameters:
    ///   - elapsed: the wall time of the run.
    ///   - trainingElapsed: the wall time in which agents trained.
    init(_ status: JobStatus, mode: String, elapsed: Duration, trainingElapsed: Duration, peakRSSMegabytes: Double) {
        name = status.name
        self.mode = mode
        phase = "\(status.phase)"
        rounds = Int(status.round.value)
        accuracy = status.evaluation.accuracy
        loss = status.evaluation.loss
        seconds = Format.number(elapsed)
        trainSeconds = Format.number(trainingElapsed)
        samplesPerSecond = trainSeconds > 0 ? Double(status.trainedSamples) / trainSeconds : 0
        clientUpdatesPerSecond = seconds > 0 ? Double(status.acceptedUpdates) / seconds : 0
        bytesUp = status.bytesUp
        bytesDown = status.bytesDown
        self.peakRSSMegabytes = peakRSSMegabytes
        modelDigest = status.modelDigest.map { "\($0)" } ?? ""
        acceptedUpdates = status.acceptedUpdates
        refusedUpdates = status.refusedUpdates
        message = status.message
    }

    /// The largest resident memory of this process so far, or of its ended children.
    static func peakMegabytes(ofChildren: Bool = false) -> Double {
        var usage = rusage()
        getrusage(ofChildren ? RUSAGE_CHILDREN.rawValue : RUSAGE_SELF.rawValue, &usage)
        return Double(usage.ru_maxrss) / 1_024
    }

    /// The report for people.
    var text: String {
        """
        \(name): \(phase) after \(rounds) rounds in \(Format.decimals(seconds, 2)) s (\(mode))
          accuracy      \(Format.decimals(accuracy, 4))
          loss          \(Format.decimals(loss, 4))
          training      \(Format.decimals(trainSeconds, 2)) s, \(Format.decimals(samplesPerSecond, 0)) samples/s
          updates       \(acceptedUpdates) accepted, \(refusedUpdates) refused
          traffic       \(Format.bytes(bytesUp)) up, \(Format.bytes(bytesDown)) down
          peak memory   \(Format.decimals(peakRSSMegabytes, 1)) MB
          model         \(modelDigest)
        """
    }
}
