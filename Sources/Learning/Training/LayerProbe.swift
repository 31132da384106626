// SPDX-License-Identifier: Apache-2.0

internal import CKernels
public import ModelState
internal import Randomness

/// Runs the layers of a layered model that have matrix products one at a time, on a real batch, to find out how fast
/// each is on this core: its way forward, and its way back with its step.
///
/// What a layer does beside its products (pooling, ReLU, layouts, the step itself) is in its time.
public final class LayerProbe {
    /// The time that a layer takes one way.
    public struct Timing: Sendable, Hashable {
        /// What the layer is, and which way.
        public let name: String
        /// The floating-point operations of its products for each sample, in the usual count, zeros and all.
        public let flopsPerSample: Double
        /// Seconds for one batch.
        public let seconds: Double
    }

    private struct Pass {
        let layer: Int
        let isForward: Bool
        let name: String
        let flopsPerSample: Double
    }

    let network: LayeredNetwork
    private let passes: [Pass]
    private let rows: Int

    /// Prepares a batch and everything that its layers need, by one step of training.
    ///
    /// - Parameters:
    ///   - samples: the batch: at least one sample.
    ///   - training: the kernels; on oneDNN dense models have layers too.
    /// - Throws: ``LearningError``: `shapeMismatch`, `labelOutOfRange`, `missingData`, `unknownTrainer`.
    public init(
        model: ModelArchitecture,
        parameters: ParameterVector,
        samples: Samples,
        on training: TrainingKernels = .own
    ) throws {
        try training.check()
        guard let kernels = DenseKernels() else { preconditionFailure("the baseline kernels run on every machine") }
        guard let network = model.makeNetwork(kernels, kernels: training) as? LayeredNetwork else {
            throw LearningError(.unknownTrainer, "a model of kind \(model.kind) has no layers to run one by one")
        }
        try model.checkProbe(parameters, samples)
        self.network = network
        rows = samples.count
        passes = Self.passes(network.plan)
        network.load(parameters)
        network.beginTraining(seed: Seed(0))
        network.prepareStep(momentum: false, offset: nil)
        network.reserve(rows: rows)
        network.gather(samples.table, rows: rows) { samples.index(at: $0) }
        network.forward(rows: rows)
        _ = network.logitBatch(rows: rows).crossEntropy()
        network.backwardAndStep(rows: rows, learningRate: 0, decay: 0, momentum: 0, featureGradient: nil)
    }

    /// The ways through the layers that have products, in the order of a step.
    private static func passes(_ plan: NetworkPlan) -> [Pass] {
        let layers = plan.nodes.indices.dropFirst().filter { plan.multiplyAdds(of: plan.nodes[$0]) > 0 }
        func pass(_ node: Int, isForward: Bool) -> Pass {
            let products = isForward ? 1.0 : plan.nodes[node].inputs.contains(0) ? 1 : 2
            return Pass(
                layer: node - 1,
                isForward: isForward,
                name: "\(isForward ? "forward" : "backward") \(plan.name(of: plan.nodes[node]))",
                flopsPerSample: 2 * plan.multiplyAdds(of: plan.nodes[node]) * products
            )
        }
        return layers.map { pass($0, isForward: true) } + layers.reversed().map { pass($0, isForward: false) }
    }

    /// Times every way on average over a while.
    ///
    /// - Parameters:
    ///   - duration: how long each runs at least.
    ///   - now: a clock.
    public func measure(lasting duration: Duration, now: () -> Duration) -> [Timing] {
        passes.map { pass in
            var runs = 0
            let begin = now()
            var elapsed = Duration.zero
            while elapsed < duration {
                network.run(layer: pass.layer, rows: rows, isForward: pass.isForward)
                runs += 1
                elapsed = now() - begin
            }
            let seconds = elapsed / .seconds(1) / Double(runs)
            return Timing(name: pass.name, flopsPerSample: pass.flopsPerSample, seconds: seconds)
        }
    }
}

extension NetworkPlan {
    /// A node with products in a few words.
    fileprivate func name(of node: Node) -> String {
        let inputs = node.inputs.first.map { nodes[$0].shape }
        switch node.operation {
        case .convolution(let convolution):
            let (side, channels) = (convolution.kernel, inputs?.channels ?? 0)
            let (height, width) = (node.shape.height * convolution.pool, node.shape.width * convolution.pool)
            return "\(side) x \(side), \(channels) to \(convolution.outputs), \(height) x \(width)"
        case .dense(let outputs, _):
            return "\(inputs?.count ?? 0) x \(outputs)"
        case .recurrent(let recurrent):
            return "recurrent, \(recurrent.embedding) to \(recurrent.hidden), \(recurrent.length) long"
        case .input, .batchNorm, .maxPool, .averagePool, .dropout:
            return ""
        }
    }
}
