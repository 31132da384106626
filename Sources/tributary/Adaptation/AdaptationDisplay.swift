// SPDX-License-Identifier: Apache-2.0

import Adaptation

/// Shows how far streams are on standard error: one line that changes on a terminal, a line a method otherwise.
final class AdaptationDisplay: Sendable {
    private let isTerminal = Console.isTerminal
    private let isQuiet: Bool

    init(isQuiet: Bool) { self.isQuiet = isQuiet }

    /// Shows a state; called from several threads, each write is one line.
    func show(_ progress: AdaptationProgress) {
        let isLast = progress.answered == progress.total
        guard !isQuiet, isTerminal || isLast else { return }
        let share = Format.decimals(100 * Double(progress.answered) / Double(max(progress.total, 1)), 0)
        let name = progress.data.split(separator: "/").last.map(String.init) ?? progress.data
        let text =
            "\(Format.column(name, 14, left: true)) seed \(progress.seed)  "
            + Format.column(progress.method.rawValue, 13, left: true)
            + Format.column("\(share)%", 5)
            + "  accuracy \(Format.decimals(progress.accuracy, 4))"
            + "  uncertainty \(Format.decimals(progress.uncertainty, 3))"
            + "  \(Format.bytes(UInt64(progress.bytesUp))) up  \(Format.bytes(UInt64(progress.bytesDown))) down"
        if isTerminal {
            Console.errorText("\r\(text)\u{1B}[K" + (isLast ? "\n" : ""))
        } else {
            Console.error(text)
        }
    }

    /// Leaves the cursor at the start of a line.
    func end() {
        if isTerminal && !isQuiet { Console.errorText("\r\u{1B}[K") }
    }
}
