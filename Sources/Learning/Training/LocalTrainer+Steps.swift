// SPDX-License-Identifier: Apache-2.0

internal import ModelState
internal import Randomness
internal import Rounds

extension LocalTrainer {
    /// Checks that there is something to train; false for the trainer `none`, whose change is zero.
    func begin(
        _ parameters: ParameterVector,
        _ samples: Samples,
        _ specification: TrainingSpecification,
        into delta: UnsafeMutableBufferPointer<Float>
    ) throws -> Bool {
        try check(parameters)
        precondition(delta.count == parameters.count, "the change has as many elements as the model")
        switch specification.trainer {
        case "none":
            delta.update(repeating: 0)
            return false
        case "sgd":
            break
        default:
            throw LearningError(
                .unknownTrainer,
                "trainer '\(specification.trainer)' is not built in; built in: none, sgd"
            )
        }
        guard model.isTrainable else {
            throw LearningError(
                .unknownTrainer,
                "a model of kind \(model.kind) cannot be trained; set training.trainer to none"
            )
        }
        guard samples.count > 0 else {
            throw LearningError(.missingData, "there are no samples to train on; give this client a part of the data")
        }
        try samples.check(against: model)
        return true
    }

    /// The steps of one training.
    func plannedSteps(_ samples: Samples, _ specification: TrainingSpecification, epochs: Int) -> Int {
        let batchSize = min(specification.batchSize, samples.count)
        let steps = (samples.count + batchSize - 1) / batchSize * epochs
        return specification.maximumSteps > 0 ? min(steps, specification.maximumSteps) : steps
    }

    /// Trains the network from `start`; the result stays in it.
    func run(
        from start: ParameterVector,
        samples: Samples,
        specification: TrainingSpecification,
        plan: StepPlan,
        seed: Seed,
        onStep: (TrainingProgress) -> Bool
    ) throws -> TrainingOutcome {
        let batchSize = min(specification.batchSize, samples.count)
        let stepsPerEpoch = (samples.count + batchSize - 1) / batchSize
        let plannedSteps = plannedSteps(samples, specification, epochs: plan.epochs)
        let decay = Float(specification.weightDecay) + (plan.term?.coefficient ?? 0)
        network.load(start)
        network.beginTraining(seed: seed)
        network.prepareStep(momentum: specification.momentum > 0, offset: plan.term?.offset)
        network.reserve(rows: batchSize)
        if plan.ascentRadius > 0 { network.prepareCollecting() }
        let contrast = plan.contrast.map { prepareContrast($0, rows: batchSize) }
        let hyper = plan.hypergradient.map {
            HypergradientRate(
                $0,
                start: start,
                lastStart: plan.lastStart,
                plannedSteps: plannedSteps,
                ignoring: model.layout.untrainedTensors.map(model.layout.range)
            )
        }
        var step = 0
        var samplesSeen = 0
        var lossSum = 0.0
        var wasStopped = false
        while step < plannedSteps, !wasStopped {
            if step % stepsPerEpoch == 0 {
                Self.shuffle(&order, samples, seed: seed.deriving("epoch", UInt64(step / stepsPerEpoch)))
            }
            let first = step % stepsPerEpoch * batchSize
            let rows = min(batchSize, samples.count - first)
            order.withUnsafeBufferPointer { order in
                network.gather(samples.table, rows: rows) { order[first + $0] }
                contrast?.gather(samples.table, rows: rows) { order[first + $0] }
            }
            step += 1
            let rate = specification.learningRate * (hyper?.factor ?? 1)
            guard let loss = makeStep(plan, contrast, rows, rate: rate, decay: decay, specification.momentum) else {
                throw divergence(step: step, specification)
            }
            lossSum += loss
            hyper?.advance(to: network.currentParameters(), rate: rate)
            samplesSeen += rows
            let progress = TrainingProgress(step: step, plannedSteps: plannedSteps, samplesSeen: samplesSeen)
            wasStopped = !onStep(progress) && step < plannedSteps
        }
        return TrainingOutcome(
            sampleCount: samples.count,
            steps: step,
            meanLoss: lossSum / Double(samplesSeen),
            wasStopped: wasStopped,
            samplesSeen: samplesSeen
        )
    }

    /// Makes one step with the batch that was gathered; returns the batch's summed loss before it, nil if a loss on the
    /// way was not finite.
    private func makeStep(
        _ plan: StepPlan,
        _ contrast: ContrastiveLoss?,
        _ rows: Int,
        rate: Double,
        decay: Float,
        _ momentum: Double
    ) -> Double? {
        let featureGradient = contrast.map { UnsafePointer($0.gradient) }
        let loss = lossAndGradient(plan, contrast, rows: rows)
        guard loss.isFinite else { return nil }
        if plan.ascentRadius > 0 {
            network.collectGradient(rows: rows, featureGradient: featureGradient)
            network.perturb(radius: plan.ascentRadius)
            guard lossAndGradient(plan, contrast, rows: rows).isFinite else { return nil }
            network.collectGradient(rows: rows, featureGradient: featureGradient)
            network.restoreAndStep(learningRate: Float(rate), decay: decay, momentum: Float(momentum))
        } else {
            network.backwardAndStep(
                rows: rows,
                learningRate: Float(rate),
                decay: decay,
                momentum: Float(momentum),
                featureGradient: featureGradient
            )
        }
        return loss
    }

    /// The batch's summed loss at the network's parameters; leaves the gradients for the way back.
    private func lossAndGradient(_ plan: StepPlan, _ contrast: ContrastiveLoss?, rows: Int) -> Double {
        network.forward(rows: rows)
        let loss = plan.objective.lossAndGradient(network.logitBatch(rows: rows))
        guard let contrast else { return loss }
        return loss + contrast.lossAndGradient(network.featureBatch(rows: rows))
    }

    private func prepareContrast(_ models: StepPlan.Contrast, rows: Int) -> ContrastiveLoss {
        let loss = contrast ?? ContrastiveLoss(like: network)
        contrast = loss
        loss.prepare(models, rows: rows)
        return loss
    }

    /// Writes the change that the training came to.
    func writeDelta(
        from start: ParameterVector,
        into delta: UnsafeMutableBufferPointer<Float>,
        steps: Int,
        _ specification: TrainingSpecification
    ) throws {
        network.writeDifference(from: start, into: delta)
        guard UnsafeBufferPointer(delta).isFinite else { throw divergence(step: steps, specification) }
    }

    /// Draws the order of one local epoch (Fisher and Yates).
    static func shuffle(_ order: inout [UInt32], _ samples: Samples, seed: Seed) {
        let count = samples.count
        order.removeAll(keepingCapacity: true)
        if let indices = samples.indices {
            order.append(contentsOf: indices)
        } else {
            order.append(contentsOf: 0..<UInt32(truncatingIfNeeded: count))
        }
        order.withUnsafeMutableBufferPointer { shuffle($0, seed: seed) }
    }

    /// Puts indices in an order drawn from the seed.
    static func shuffle(_ order: UnsafeMutableBufferPointer<UInt32>, seed: Seed) {
        var generator = SeededGenerator(seed: seed)
        var last = order.count - 1
        while last > 0 {
            order.swapAt(last, generator.below(last + 1))
            last -= 1
        }
    }
}

extension TrainingOutcome {
    /// The outcome of a training without steps.
    static func nothing(_ samples: Samples) -> TrainingOutcome {
        TrainingOutcome(sampleCount: samples.count, steps: 0, meanLoss: nil, wasStopped: false)
    }
}
