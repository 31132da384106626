// SPDX-License-Identifier: Apache-2.0

internal import Glibc
public import Learning
public import ModelState

/// Adapts batch norms to the stream: statistics of each batch, and affine parameters that make answers surer (TENT;
/// Wang and others 2021).
///
/// Each batch is answered, then one step of Adam lowers the mean entropy of its answers:
///
///     dH/dz_c = -p_c (log p_c + H)
///
/// At a rate of 0 only the statistics adapt.
public final class EntropyMinimization: TestTimeAdapter {
    private let source: ParameterVector
    private let session: ModelSession
    private let layout: DeltaLayout
    private let rate: Float
    private var delta: [Float]
    private var step: AdamStep

    /// Creates the adapter.
    ///
    /// - Parameter model: one without dropout.
    /// - Throws: ``LearningError``, ``AdaptationError`` with code `invalidParameter` for a negative rate.
    public init(model: ModelArchitecture, source: ParameterVector, rate: Float) throws {
        guard rate >= 0, rate.isFinite else {
            throw AdaptationError(.invalidParameter, "a rate is 0 or more, not \(rate)")
        }
        self.source = source
        self.rate = rate
        session = try ModelSession(model: model)
        layout = DeltaLayout(model.layout, parts: [.affine])
        delta = [Float](repeating: 0, count: layout.count)
        step = AdamStep(count: layout.count)
    }

    /// The logits at the batch's statistics.
    public func answer(_ images: [Float]) throws -> [Float] {
        try session.load(layout.apply(delta, to: source), statistics: .batch)
        try session.forwardImages(images)
        let logits = session.logits
        guard rate > 0, layout.count > 0 else { return logits }
        session.objective { Self.writeEntropyGradient($0) }
        let gradient = layout.project(session.parameterGradient())
        // A batch whose gradient is not finite teaches nothing.
        if gradient.allSatisfy(\.isFinite) { step.step(&delta, gradient: gradient, rate: rate) }
        return logits
    }

    /// Writes the gradient of the mean entropy and returns the mean entropy.
    static func writeEntropyGradient(_ batch: LogitBatch) -> Double {
        var mean = 0.0
        for row in 0..<batch.rowCount {
            let logits = batch.logits + row * batch.stride
            let gradient = batch.gradient + row * batch.stride
            var top = logits[0]
            for index in 1..<batch.classCount { top = max(top, logits[index]) }
            var (total, weighted) = (0.0, 0.0)
            for index in 0..<batch.classCount {
                let distance = Double(logits[index] - top)
                total += Glibc.exp(distance)
                weighted += distance * Glibc.exp(distance)
            }
            let entropy = Glibc.log(total) - weighted / total
            for index in 0..<batch.classCount {
                let logProbability = Double(logits[index] - top) - Glibc.log(total)
                let slope = -Glibc.exp(logProbability) * (logProbability + entropy)
                gradient[index] = Float(slope / Double(batch.rowCount))
            }
            mean += entropy / Double(batch.rowCount)
        }
        return mean
    }
}
