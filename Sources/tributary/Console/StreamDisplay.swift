// SPDX-License-Identifier: Apache-2.0

import Rounds

/// Shows how a device does on its stream: one line that changes on a terminal, JSON lines for programs.
final class StreamDisplay: Sendable {
    private let isTerminal = Console.isTerminal
    private let json: Bool

    init(json: Bool) { self.json = json }

    func show(_ report: StreamReport) {
        if json {
            if let line = try? Format.json(DeviceReportRecord(report)) { Console.print(line) }
        } else if isTerminal {
            Console.errorText("\r\(Self.line(report))\u{1B}[K" + (report.isOver ? "\n" : ""))
        } else if report.isOver {
            Console.error(Self.line(report))
        }
    }

    private static func line(_ report: StreamReport) -> String {
        var text = "\(report.job)  \(report.answered) answered"
        if report.labelled > 0 { text += "  accuracy \(Format.decimals(report.accuracy, 4))" }
        text += "  uncertainty \(Format.decimals(report.uncertainty, 3))  \(report.sent) of \(report.chosen) sent"
        text += "  \(report.environments) environments  update \(report.version)"
        if report.rollbacks > 0 { text += "  \(report.rollbacks) taken back" }
        if !report.withheld.isEmpty {
            let reasons = report.withheld.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            text += "  kept: \(reasons.joined(separator: ", "))"
        }
        return text
    }
}

/// A device's report as JSON.
struct DeviceReportRecord: Encodable {
    let stream: String
    let answered: UInt64
    let labelled: UInt64
    let accuracy: Double
    let uncertainty: Double
    let chosen: UInt64
    let sent: UInt64
    let version: UInt32
    let rollbacks: UInt64
    let environments: UInt64
    let over: Bool
    let withheld: [String: UInt64]

    init(_ report: StreamReport) {
        stream = "\(report.job)"
        answered = report.answered
        labelled = report.labelled
        accuracy = report.accuracy
        uncertainty = report.uncertainty.isFinite ? report.uncertainty : 0
        chosen = report.chosen
        sent = report.sent
        version = report.version
        rollbacks = report.rollbacks
        environments = report.environments
        over = report.isOver
        withheld = report.withheld
    }
}
