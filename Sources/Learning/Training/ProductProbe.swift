// SPDX-License-Identifier: Apache-2.0

internal import CKernels
public import ModelState

/// Runs a training's matrix products one at a time, on a real batch, to find out how fast each is on this core.
public final class ProductProbe {
    /// The time that a product takes.
    public struct Timing: Sendable, Hashable {
        /// The product.
        public let product: TrainingArithmetic.Product
        /// Seconds for one batch: the fastest of the repetitions.
        public let seconds: Double
        /// Its arithmetic, zeros counted, in this time.
        public let gigaflopsPerSecond: Double
        /// Whether the batch had enough zeros that they are left out.
        public let leavesZerosOut: Bool
    }

    let network: DenseNetwork
    private let arithmetic: TrainingArithmetic
    private let rows: Int

    /// Prepares a batch and everything that its products need, by one step of training.
    ///
    /// - Parameter samples: the batch: at least one sample.
    /// - Throws: ``LearningError``: `shapeMismatch`, `labelOutOfRange`, `missingData`, `unknownTrainer`.
    public init(model: ModelArchitecture, parameters: ParameterVector, samples: Samples) throws {
        guard let kernels = DenseKernels() else { preconditionFailure("the baseline kernels run on every machine") }
        guard !model.layers.isEmpty else {
            throw LearningError(.unknownTrainer, "a model of kind \(model.kind) has no matrix products")
        }
        try model.checkProbe(parameters, samples)
        network = DenseNetwork(model, kernels: kernels)
        arithmetic = TrainingArithmetic(model)
        rows = samples.count
        network.load(parameters)
        network.prepareStep(momentum: false, offset: nil)
        network.reserve(rows: rows)
        network.gather(samples.table, rows: rows) { samples.index(at: $0) }
        network.forward(rows: rows)
        _ = network.logitBatch(rows: rows).crossEntropy()
        network.backwardAndStep(rows: rows, learningRate: 0, decay: 0, momentum: 0)
    }

    /// Times every product of a step.
    ///
    /// - Parameters:
    ///   - repetitions: how often each is timed; the fastest counts.
    ///   - runs: how often it runs each time.
    ///   - now: a clock.
    public func measure(repetitions: Int, runs: Int, now: () -> Duration) -> [Timing] {
        precondition(repetitions > 0 && runs > 0, "a measurement runs at least once")
        return arithmetic.products.map { product in
            var best = Duration.seconds(Int64.max / 2)
            for _ in 0..<repetitions {
                let begin = now()
                for _ in 0..<runs { run(product) }
                best = min(best, now() - begin)
            }
            return timing(product, seconds: best / .seconds(1) / Double(runs))
        }
    }

    /// Times every product of a step on average over a while.
    ///
    /// - Parameters:
    ///   - duration: how long each runs at least.
    ///   - now: a clock.
    public func measure(lasting duration: Duration, now: () -> Duration) -> [Timing] {
        arithmetic.products.map { product in
            var runs = 0
            let begin = now()
            var elapsed = Duration.zero
            while elapsed < duration {
                for _ in 0..<50 { run(product) }
                runs += 50
                elapsed = now() - begin
            }
            return timing(product, seconds: elapsed / .seconds(1) / Double(runs))
        }
    }

    private func timing(_ product: TrainingArithmetic.Product, seconds: Double) -> Timing {
        Timing(
            product: product,
            seconds: seconds,
            gigaflopsPerSecond: product.flopsPerSample * Double(rows) / max(seconds, 1e-12) * 1e-9,
            leavesZerosOut: product.kind != .inputGradient && network.leavesZerosOut(layer: product.layer)
        )
    }

    private func run(_ product: TrainingArithmetic.Product) {
        let padded = DenseKernels.paddedRows(rows)
        switch product.kind {
        case .forward:
            network.forward(layer: product.layer, rows: padded)
        case .inputGradient:
            network.inputGradient(layer: product.layer, rows: padded)
        case .weightGradient:
            // A rate of 0 leaves the weights as they are and takes as long as any other.
            let step = ckt_step(learning_rate: 0, decay: 0, momentum: 0)
            network.updateWeights(layer: product.layer, step, rows: padded)
        }
    }

    /// The arithmetic that one core can do: fused multiply-adds in registers, without any memory.
    ///
    /// - Parameters:
    ///   - repetitions: how often it is timed; the fastest counts.
    ///   - iterations: how long each run is; 100,000 take about half a millisecond.
    ///   - now: a clock.
    /// - Returns: billions of floating-point operations per second.
    public static func peakGigaflopsPerSecond(repetitions: Int, iterations: Int, now: () -> Duration) -> Double {
        precondition(repetitions > 0 && iterations > 0, "a measurement runs at least once")
        guard let kernels = DenseKernels() else { preconditionFailure("the baseline kernels run on every machine") }
        var best = 0.0
        for _ in 0..<repetitions {
            let begin = now()
            let flops = kernels.multiplyAdds(iterations)
            best = max(best, flops / max((now() - begin) / .seconds(1), 1e-12) * 1e-9)
        }
        return best
    }
}

extension ModelArchitecture {
    /// Throws what keeps a probe from running a batch.
    func checkProbe(_ parameters: ParameterVector, _ samples: Samples) throws {
        guard parameters.count == layout.elementCount else {
            throw LearningError(.shapeMismatch, "the parameters do not fit the model")
        }
        guard samples.count > 0 else { throw LearningError(.missingData, "a probe needs at least one sample") }
        try samples.check(against: self)
    }
}
