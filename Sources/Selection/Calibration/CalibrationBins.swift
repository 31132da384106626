// SPDX-License-Identifier: Apache-2.0

/// Compares confidence with accuracy in bins.
///
/// From it follows the expected calibration error
///
///     ECE = sum over bins of n_b / N |accuracy_b - confidence_b|
///
/// (Naeini, Cooper, Hauskrecht 2015; Guo et al. 2017 with 15 bins of equal width.)
public struct CalibrationBins: Sendable, Hashable {
    /// The samples of one bin.
    public struct Bin: Sendable, Hashable {
        /// The number of samples.
        public internal(set) var count = 0
        /// The sum of their confidences.
        public internal(set) var confidenceSum = 0.0
        /// The number of correct answers; a fraction where samples of equal confidence fall into different bins.
        public internal(set) var correctSum = 0.0

        /// The mean confidence; 0 for an empty bin.
        public var confidence: Double { count > 0 ? confidenceSum / Double(count) : 0 }
        /// The share of correct answers; 0 for an empty bin.
        public var accuracy: Double { count > 0 ? correctSum / Double(count) : 0 }
    }

    /// The bins, that of the lowest confidence first.
    public let bins: [Bin]
    /// The number of samples in all bins.
    public let sampleCount: Int

    private init(_ bins: [Bin]) {
        self.bins = bins
        sampleCount = bins.reduce(0) { $0 + $1.count }
    }

    /// Sorts samples into bins `(k / count, (k + 1) / count]`; confidence 0 belongs to the first.
    ///
    /// - Throws: ``SelectionError``: `shapeMismatch` for lists of different sizes, `invalidParameter` for no bins or a
    ///   confidence outside 0 to 1.
    public static func equalWidth(confidences: [Double], isCorrect: [Bool], count: Int = 15) throws -> CalibrationBins {
        try check(confidences, isCorrect, count)
        var bins = [Bin](repeating: Bin(), count: count)
        for (confidence, correct) in zip(confidences, isCorrect) {
            let position = (confidence * Double(count)).rounded(.up) - 1
            let index = min(max(Int(position), 0), count - 1)
            bins[index].count += 1
            bins[index].confidenceSum += confidence
            bins[index].correctSum += correct ? 1 : 0
        }
        return CalibrationBins(bins)
    }

    /// Sorts samples by confidence and cuts them into bins of equal size, up to one sample.
    ///
    /// Samples of equal confidence share their accuracy, so that their order in the lists does not matter.
    ///
    /// - Throws: as ``equalWidth(confidences:isCorrect:count:)``.
    public static func equalMass(confidences: [Double], isCorrect: [Bool], count: Int = 15) throws -> CalibrationBins {
        try check(confidences, isCorrect, count)
        let order = confidences.indices.sorted { confidences[$0] < confidences[$1] }
        var bins = [Bin](repeating: Bin(), count: count)
        var start = 0
        while start < order.count {
            var end = start
            var correct = 0
            let confidence = confidences[order[start]]
            while end < order.count, confidences[order[end]] == confidence {
                correct += isCorrect[order[end]] ? 1 : 0
                end += 1
            }
            let share = Double(correct) / Double(end - start)
            for position in start..<end {
                // Bin k has the positions k N / count ..< (k + 1) N / count.
                let index = ((position + 1) * count - 1) / order.count
                bins[index].count += 1
                bins[index].confidenceSum += confidence
                bins[index].correctSum += share
            }
            start = end
        }
        return CalibrationBins(bins)
    }

    /// The expected calibration error, 0 to 1; 0 without samples.
    public var expectedError: Double {
        guard sampleCount > 0 else { return 0 }
        return bins.reduce(0) { $0 + abs($1.correctSum - $1.confidenceSum) } / Double(sampleCount)
    }

    /// The largest difference between accuracy and confidence of a bin that has samples.
    public var maximumError: Double {
        bins.reduce(0) { max($0, abs($1.accuracy - $1.confidence)) }
    }

    private static func check(_ confidences: [Double], _ isCorrect: [Bool], _ count: Int) throws {
        guard confidences.count == isCorrect.count else {
            throw SelectionError(
                .shapeMismatch,
                "there are \(confidences.count) confidences of \(isCorrect.count) answers"
            )
        }
        guard (1...1 << 20).contains(count) else {
            throw SelectionError(.invalidParameter, "calibration is measured in 1 to \(1 << 20) bins, not in \(count)")
        }
        guard confidences.allSatisfy({ $0 >= 0 && $0 <= 1 }) else {
            throw SelectionError(.invalidParameter, "a confidence lies outside 0 to 1")
        }
    }
}
