// SPDX-License-Identifier: Apache-2.0

import Glibc
import Reporting
import Rounds
import Simulation

/// What a run ends with; the keys of `--json` are kept stable.
struct RunReport: Encodable {
    let name: String
    let mode: String
    let phase: String
    let rounds: Int
    let accuracy: Double
    let loss: FiniteNumber
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
    /// What else is known of a simulation.
    private let record: RunRecord?
    private let pace: SimulationPace?
    private let startSeconds: Double?
    private let threads: Int?
    private let kernels: String?

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
        case roundSamplesPerSecond = "round_samples_per_s"
        case roundClientsPerSecond = "round_clients_per_s"
        case medianRoundSeconds = "round_s_median"
        case startSeconds = "start_s"
        case threads, kernels
        case loadAverage = "load_average"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(mode, forKey: .mode)
        try container.encode(phase, forKey: .phase)
        try container.encode(rounds, forKey: .rounds)
        try container.encode(accuracy, forKey: .accuracy)
        try container.encode(loss, forKey: .loss)
        try container.encode(seconds, forKey: .seconds)
        try container.encode(message, forKey: .message)
        try container.encode(trainSeconds, forKey: .trainSeconds)
        try container.encode(samplesPerSecond, forKey: .samplesPerSecond)
        try container.encode(clientUpdatesPerSecond, forKey: .clientUpdatesPerSecond)
        try container.encode(bytesUp, forKey: .bytesUp)
        try container.encode(bytesDown, forKey: .bytesDown)
        try container.encode(peakRSSMegabytes, forKey: .peakRSSMegabytes)
        try container.encode(modelDigest, forKey: .modelDigest)
        try container.encode(acceptedUpdates, forKey: .acceptedUpdates)
        try container.encode(refusedUpdates, forKey: .refusedUpdates)
        try container.encodeIfPresent(pace?.samplesPerSecond, forKey: .roundSamplesPerSecond)
        try container.encodeIfPresent(pace?.clientsPerSecond, forKey: .roundClientsPerSecond)
        try container.encodeIfPresent(pace?.medianRoundSeconds, forKey: .medianRoundSeconds)
        try container.encodeIfPresent(startSeconds, forKey: .startSeconds)
        try container.encodeIfPresent(threads, forKey: .threads)
        try container.encodeIfPresent(kernels, forKey: .kernels)
        try container.encodeIfPresent(threads.flatMap { _ in ProcessSample.loadAverage }, forKey: .loadAverage)
        if let record { try RunFigures(record).encode(to: encoder) }
    }

    /// Sums up a job.
    ///
    /// - Parameters:
    ///   - elapsed: the wall time of the run.
    ///   - trainingElapsed: the wall time in which agents trained.
    ///   - record: what else is known of a simulation.
    ///   - pace: how fast its rounds went.
    ///   - startSeconds: the time from the process's start to the first task.
    ///   - threads: those that trained in a simulation.
    ///   - kernels: on what they did.
    init(
        _ status: JobStatus,
        mode: String,
        elapsed: Duration,
        trainingElapsed: Duration,
        peakRSSMegabytes: Double,
        record: RunRecord? = nil,
        pace: SimulationPace? = nil,
        startSeconds: Double? = nil,
        threads: Int? = nil,
        kernels: String? = nil
    ) {
        name = status.name
        self.mode = mode
        phase = "\(status.phase)"
        rounds = Int(status.round.value)
        accuracy = status.evaluation.accuracy
        loss = FiniteNumber(status.evaluation.loss)
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
        self.record = record
        self.pace = pace
        self.startSeconds = startSeconds
        self.threads = threads
        self.kernels = kernels
    }

    /// The largest resident memory of this process so far, or of its ended children.
    static func peakMegabytes(ofChildren: Bool = false) -> Double {
        var usage = rusage()
        getrusage(ofChildren ? RUSAGE_CHILDREN.rawValue : RUSAGE_SELF.rawValue, &usage)
        return Double(usage.ru_maxrss) / 1_024
    }

    /// The report for people.
    var text: String {
        var lines = [("accuracy", Format.decimals(accuracy, 4)), ("loss", Format.decimals(loss.value, 4))]
        if let record, let best = record.best, let most = best.accuracy {
            lines.append(("best", "accuracy \(Format.decimals(most, 4)) after round \(best.round)"))
        }
        if let target = record?.target { lines.append(("target", target)) }
        if let spread = record?.spread { lines.append(("clients", spread)) }
        if let decomposition = record?.decomposition { lines.append(("decomposition", decomposition)) }
        let training = "\(Format.decimals(trainSeconds, 2)) s, \(Format.decimals(samplesPerSecond, 0)) samples/s"
        lines.append(("training", training))
        if let pace {
            let text = "\(Format.decimals(1e3 * pace.medianRoundSeconds, 1)) ms, the median after the first; "
            let rates =
                "\(Format.decimals(pace.samplesPerSecond, 0)) samples/s, "
                + "\(Format.decimals(pace.clientsPerSecond, 0)) clients/s"
            lines.append(("round", text + rates))
        }
        if let startSeconds { lines.append(("first task", "\(Format.decimals(startSeconds, 2)) s after the start")) }
        lines.append(("updates", "\(acceptedUpdates) accepted, \(refusedUpdates) refused"))
        lines.append(("traffic", "\(Format.bytes(bytesUp)) up, \(Format.bytes(bytesDown)) down"))
        if let up = record?.bytesUpPerClient { lines.append(("  up", up.text)) }
        if let down = record?.bytesDownPerClient { lines.append(("  down", down.text)) }
        if let kinds = record?.kinds { lines.append(("  up by kind", kinds)) }
        lines.append(("peak memory", "\(Format.decimals(peakRSSMegabytes, 1)) MB"))
        lines.append(("model", modelDigest))
        if !message.isEmpty { lines.append(("because", message)) }
        let head = "\(name): \(phase) after \(rounds) rounds in \(Format.decimals(seconds, 2)) s (\(mode))"
        return ([head] + lines.map { "  " + Format.column($0.0, 14, left: true) + $0.1 }).joined(separator: "\n")
    }
}
