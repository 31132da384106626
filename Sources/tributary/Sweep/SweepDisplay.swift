// SPDX-License-Identifier: Apache-2.0

import Reporting

/// Shows a sweep's progress on standard error: a bar on a terminal, a line a cell otherwise.
final class SweepDisplay {
    private let isTerminal = Console.isTerminal
    private let isQuiet: Bool
    private let clock = ContinuousClock()
    private var begin: ContinuousClock.Instant
    private var title = ""
    private var cellCount = 0
    private var finishedCount = 0
    private var hasBar = false
    private var lastDrawn: ContinuousClock.Instant?
    private var remaining: Double?

    init(isQuiet: Bool) {
        self.isQuiet = isQuiet
        begin = clock.now
    }

    /// Begins with a number of cells, of which some were finished before.
    func begin(_ title: String, cells: Int, finished: Int) {
        (self.title, cellCount, finishedCount) = (title, cells, finished)
        (begin, remaining) = (clock.now, nil)
        guard !isQuiet else { return }
        let kept = finished > 0 ? ", \(finished) of them finished before" : ""
        Console.error("\(title): \(cells) cells\(kept)")
    }

    /// Notes a cell that ended.
    func finished(_ cell: SweepCell, _ record: RunRecord?, seconds: Double, trouble: String?) {
        finishedCount += 1
        guard !isQuiet || trouble != nil else { return }
        if let trouble {
            clear()
            return Console.error("! \(cell.description) \(trouble)")
        }
        guard !isTerminal, let record else { return }
        let accuracy = record.lastEvaluated?.accuracy.map { "accuracy \(Format.decimals($0, 4))" } ?? record.phase
        let phase = record.isFinished ? accuracy : "failed: \(record.message)"
        let left = remaining.map { ", about \(Format.seconds(.seconds($0))) left" } ?? ""
        Console.error(
            "\(finishedCount)/\(cellCount)  \(cell.description)  \(phase)  "
                + "\(Format.seconds(.seconds(seconds)))\(finishedCount < cellCount ? left : "")"
        )
    }

    /// Draws the bar.
    ///
    /// - Parameter remaining: the seconds until the end; nil while nothing is known.
    func progress(remaining: Double?) {
        self.remaining = remaining
        guard isTerminal, !isQuiet else { return }
        if let lastDrawn, clock.now - lastDrawn < .milliseconds(100) { return }
        lastDrawn = clock.now
        let width = 28
        let filled = cellCount == 0 ? width : finishedCount * width / cellCount
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
        let left = remaining.map { ", about \(Format.seconds(.seconds($0))) left" } ?? ""
        Console.errorText(
            "\r[\(bar)] \(finishedCount)/\(cellCount) cells  \(Format.seconds(clock.now - begin))\(left)\u{1B}[K"
        )
        hasBar = true
    }

    /// Ends the line of the bar.
    func end() { clear() }

    private func clear() {
        if hasBar { Console.errorText("\r\u{1B}[K") }
        hasBar = false
    }
}
