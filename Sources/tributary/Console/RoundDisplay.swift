// SPDX-License-Identifier: Apache-2.0

import Rounds

/// Shows a job's progress on standard error: a bar on a terminal, a line a round otherwise.
final class RoundDisplay {
    private let isTerminal: Bool
    private let isQuiet: Bool
    private let clock = ContinuousClock()
    private let begin: ContinuousClock.Instant
    private var hasBar = false
    private var lastDrawn: ContinuousClock.Instant?

    init(isQuiet: Bool = false) {
        isTerminal = Console.isTerminal
        self.isQuiet = isQuiet
        begin = clock.now
    }

    /// Shows an event.
    func show(_ event: JobEvent) {
        guard !isQuiet else { return }
        let status = event.status
        switch event.kind {
        case .roundCommitted:
            if isTerminal { draw(status) } else { Console.error(line(status, event.message)) }
        case .evaluated:
            if isTerminal {
                draw(status, force: status.round.value == status.totalRounds)
            } else {
                Console.error(evaluation(status))
            }
        case .agentTrouble, .roundAbandoned:
            clear()
            Console.error("! \(event.message)")
        case .ended:
            clear()
        case .status:
            guard !event.message.isEmpty else { return }
            // What an adaptation job's devices do changes all the time: one line that changes.
            if isTerminal, status.totalRounds == 0 {
                Console.errorText("\r\(event.message)\u{1B}[K")
                hasBar = true
            } else {
                clear()
                Console.error(event.message)
            }
        case .roundStarted:
            break
        }
    }

    private func line(_ status: JobStatus, _ message: String) -> String {
        "round \(status.round)/\(status.totalRounds)  \(message)  \(Format.bytes(status.bytesUp)) up  "
            + "\(Format.bytes(status.bytesDown)) down  \(Format.seconds(elapsed))"
    }

    private func evaluation(_ status: JobStatus) -> String {
        "round \(status.evaluatedRound)/\(status.totalRounds)  "
            + "accuracy \(Format.decimals(status.evaluation.accuracy, 4))  "
            + "loss \(Format.decimals(status.evaluation.loss, 4))"
            + (status.evaluation.answers.map { Self.named($0.accuracies) } ?? "")
            + (status.evaluation.spread.map { "  worst 10% \(Format.decimals($0.worstTenthAccuracy, 4))" } ?? "")
    }

    private static func named(_ accuracies: AnswerCounts.Accuracies) -> String {
        "  seen \(Format.decimals(accuracies.seen, 4))  unseen \(Format.decimals(accuracies.unseen, 4))"
    }

    private var elapsed: Duration { clock.now - begin }

    private func draw(_ status: JobStatus, force: Bool = false) {
        if !force, let lastDrawn, clock.now - lastDrawn < .milliseconds(50) { return }
        lastDrawn = clock.now
        let done = Double(status.round.value) / Double(max(status.totalRounds, 1))
        let width = 28
        let filled = Int(done * Double(width))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
        let remaining = done > 0 ? elapsed * ((1 - done) / done) : .zero
        var text = "\r[\(bar)] \(status.round)/\(status.totalRounds)"
        if status.evaluation.sampleCount > 0 { text += "  accuracy \(Format.decimals(status.evaluation.accuracy, 4))" }
        text += "  \(Format.seconds(elapsed))"
        if done < 1 { text += ", about \(Format.seconds(remaining)) left" }
        Console.errorText(text + "\u{1B}[K")
        hasBar = true
    }

    private func clear() {
        if hasBar { Console.errorText("\n") }
        hasBar = false
    }
}
