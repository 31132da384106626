// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import EventLoop
import Foundation

/// Keeps the process's metrics in a file in Prometheus' text format, for a collector of such files.
///
/// The file is replaced as a whole (written beside, then renamed), so that readers never see a part of it.
final class MetricsFile: MetricsFactory, @unchecked Sendable {
    // Sendable: everything that changes is used under the lock only.
    private struct Series: Hashable {
        let label: String
        let dimensions: [[String]]
    }

    private let path: String
    private let lock = Lock()
    private var values: [Series: Double] = [:]
    private var types: [String: String] = [:]

    init(path: String) {
        self.path = path
    }

    // MARK: - What the metrics library asks for

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        Handler(file: self, series: series(label, dimensions, type: "counter"))
    }

    func makeFloatingPointCounter(label: String, dimensions: [(String, String)]) -> any FloatingPointCounterHandler {
        Handler(file: self, series: series(label, dimensions, type: "counter"))
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        Handler(file: self, series: series(label, dimensions, type: "gauge"))
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        Handler(file: self, series: series(label, dimensions, type: "gauge"))
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        Handler(file: self, series: series(label, dimensions, type: "gauge"))
    }

    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyMeter(_ handler: any MeterHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}

    private func series(_ label: String, _ dimensions: [(String, String)], type: String) -> Series {
        lock.withLock { types[label] = type }
        return Series(label: label, dimensions: dimensions.map { [$0.0, $0.1] })
    }

    // MARK: - Values

    private func change(_ series: Series, _ body: (inout Double) -> Void) {
        lock.withLock { body(&values[series, default: 0]) }
    }

    /// Writes the file.
    ///
    /// - Throws: an error of the file system.
    func write() throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    /// The metrics as text, in the order of their names.
    var text: String {
        let (values, types) = lock.withLock { (self.values, self.types) }
        var lines: [String] = []
        for label in Set(values.keys.map(\.label)).sorted() {
            lines.append("# TYPE \(label) \(types[label] ?? "untyped")")
            let series = values.filter { $0.key.label == label }
            lines += series.map { "\(label)\(Self.braces($0.key.dimensions)) \(Self.number($0.value))" }.sorted()
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func braces(_ dimensions: [[String]]) -> String {
        guard !dimensions.isEmpty else { return "" }
        let parts = dimensions.map { pair in
            let value = pair[1].replacingOccurrences(of: "\\", with: "\\\\")
                .replacingOccurrences(of: "\"", with: "\\\"").replacingOccurrences(of: "\n", with: "\\n")
            return "\(pair[0])=\"\(value)\""
        }
        return "{" + parts.joined(separator: ",") + "}"
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }

    private final class Handler: CounterHandler, FloatingPointCounterHandler, RecorderHandler, MeterHandler,
        TimerHandler
    {
        private let file: MetricsFile
        private let series: Series

        init(file: MetricsFile, series: Series) {
            self.file = file
            self.series = series
        }

        func increment(by amount: Int64) { file.change(series) { $0 += Double(amount) } }
        func increment(by amount: Double) { file.change(series) { $0 += amount } }
        func decrement(by amount: Double) { file.change(series) { $0 -= amount } }
        func reset() { file.change(series) { $0 = 0 } }
        func record(_ value: Int64) { file.change(series) { $0 = Double(value) } }
        func record(_ value: Double) { file.change(series) { $0 = value } }
        func set(_ value: Int64) { file.change(series) { $0 = Double(value) } }
        func set(_ value: Double) { file.change(series) { $0 = value } }
        func recordNanoseconds(_ duration: Int64) { file.change(series) { $0 = Double(duration) * 1e-9 } }
    }
}
