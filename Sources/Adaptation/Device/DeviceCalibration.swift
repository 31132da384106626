// SPDX-License-Identifier: Apache-2.0

internal import Selection

/// The temperature of a device's answers, fitted on one half of what it held out and judged on the other.
public struct DeviceCalibration: Sendable, Hashable, Codable {
    /// How the temperature is found.
    public enum Method: String, Sendable, Hashable, CaseIterable, Codable {
        /// It stays 1.
        case none
        /// By the likelihood (``TemperatureScaling``).
        case temperature
        /// By the error of h-calibration (``HCalibration``).
        case hCalibration = "h-calibration"
    }

    /// How it was found.
    public let method: Method
    /// The temperature.
    public let temperature: Double
    /// The expected calibration error of the other half at temperature 1, in 15 bins of equal width.
    public let errorBefore: Double
    /// The same at the temperature.
    public let errorAfter: Double

    enum CodingKeys: String, CodingKey {
        case method, temperature
        case errorBefore = "ece_before"
        case errorAfter = "ece_after"
    }

    /// Fits the temperature on the rows of even number and measures the error on the others.
    ///
    /// - Throws: ``SelectionError``: `shapeMismatch`; `missingInput` where no answer of the other half can be measured.
    public init(_ method: Method, logits: [Float], classCount: Int, labels: [Int32]) throws {
        guard classCount >= 1, logits.count == classCount * labels.count else {
            throw SelectionError(
                .shapeMismatch,
                "\(logits.count) logits are not \(labels.count) rows of \(classCount) classes"
            )
        }
        func half(_ rest: Int) -> (logits: [Float], labels: [Int32]) {
            let rows = labels.indices.filter { $0 % 2 == rest }
            return (rows.flatMap { logits[($0 * classCount)..<(($0 + 1) * classCount)] }, rows.map { labels[$0] })
        }
        let (fitted, judged) = (half(0), half(1))
        self.method = method
        temperature =
            switch method {
            case .none: 1
            case .temperature:
                try TemperatureScaling().fit(logits: fitted.logits, classCount: classCount, labels: fitted.labels)
                    .temperature
            case .hCalibration:
                try HCalibration().fit(logits: fitted.logits, classCount: classCount, labels: fitted.labels).temperature
            }
        func error(_ temperature: Double) throws -> Double {
            try ClassificationMetrics(
                logits: judged.logits,
                classCount: classCount,
                labels: judged.labels,
                temperature: temperature
            ).ece
        }
        errorBefore = try error(1)
        errorAfter = try error(temperature)
    }
}
