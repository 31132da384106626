// SPDX-License-Identifier: Apache-2.0

public import Learning
public import ModelState
public import Randomness

/// Learns the environments' prompts and the shared delta from uploaded samples, on a frozen copy of the device's model.
///
/// Each environment has its own prompt, the statistics that its devices measured, and its newest samples. An update
/// makes some steps: by turns on a random batch of the environment that the samples came from, and of any environment
/// that is known, so that the delta serves them all. A step changes the prompt of the batch's environment and the
/// delta, each as far as the batch's uncertainty says (``UncertaintyGuidance``). Everything follows from the seed and
/// the calls.
public final class CloudLearner {
    /// What is kept for an environment.
    private struct Environment {
        var prompt: VisualPrompt?
        var promptStep: AdamStep
        var promptAverage: MovingAverage
        var statistics: [Float]
        var samples: [CloudSample] = []
        var lastUse: UInt32 = 0
    }

    /// The configuration.
    public let configuration: CloudConfiguration
    /// The device's model.
    public let model: ModelArchitecture
    /// Where the delta acts.
    public let layout: DeltaLayout
    /// Where the statistics act.
    public let statisticsLayout: DeltaLayout
    /// The shared delta.
    public private(set) var delta: [Float]
    /// The number of the newest update.
    public private(set) var version: UInt32
    private let source: ParameterVector
    private let session: ModelSession
    private let objective: AdaptationObjective
    private let seed: Seed
    private var deltaStep: AdamStep
    private var deltaAverage: MovingAverage
    private var environments: [Int: Environment] = [:]

    /// Creates a learner.
    ///
    /// - Parameters:
    ///   - model: the device's model; one without dropout, as gradients are taken at running statistics.
    ///   - source: the parameters that the device was delivered with.
    ///   - layout: what the delta holds; statistics are the device's own.
    ///   - version: updates are numbered from the one after it.
    /// - Throws: ``AdaptationError`` with code `invalidParameter`, ``LearningError``.
    public init(
        model: ModelArchitecture,
        source: ParameterVector,
        layout: DeltaLayout,
        configuration: CloudConfiguration,
        seed: Seed,
        after version: UInt32 = 0
    ) throws {
        self.version = version
        try configuration.validate()
        guard !layout.parts.contains(.statistics) else {
            throw AdaptationError(.invalidParameter, "a delta that is learnt holds no statistics")
        }
        self.configuration = configuration
        self.model = model
        self.source = source
        self.layout = layout
        statisticsLayout = DeltaLayout(model.layout, parts: [.statistics])
        delta = [Float](repeating: 0, count: layout.count)
        deltaStep = AdamStep(count: layout.count)
        deltaAverage = MovingAverage(count: layout.count, decay: configuration.averaging)
        session = try ModelSession(model: model)
        objective = AdaptationObjective(
            confidenceFloor: configuration.confidenceFloor,
            alignment: configuration.alignment
        )
        self.seed = seed
    }

    /// Learns from new samples of an environment.
    ///
    /// - Parameters:
    ///   - number: the environment, as the device numbers it.
    ///   - prompt: what a new environment begins from.
    ///   - statistics: differences of the statistics that the device measured from the source's, in
    ///     ``statisticsLayout``; empty for none.
    /// - Returns: the update for the device; nil without samples.
    /// - Throws: ``AdaptationError``: `shapeMismatch` for images or statistics of another size, `notFinite` for samples
    ///   that are, or where learning diverged; nothing changed then. ``LearningError``.
    public func learn(
        environment number: Int,
        from prompt: VisualPrompt?,
        samples: [CloudSample],
        statistics: [Float] = []
    ) throws -> AdaptationUpdate? {
        guard !samples.isEmpty else { return nil }
        try check(samples, statistics)
        let before = (delta, deltaStep, deltaAverage, environments)
        var environment =
            environments[number]
            ?? Environment(
                prompt: prompt,
                promptStep: AdamStep(count: prompt?.shape.count ?? 0),
                promptAverage: MovingAverage(count: prompt?.shape.count ?? 0, decay: configuration.averaging),
                statistics: [Float](repeating: 0, count: statisticsLayout.count)
            )
        environment.samples = Array((environment.samples + samples).suffix(configuration.memory))
        if !statistics.isEmpty { environment.statistics = statistics }
        environment.lastUse = version + 1
        environments[number] = environment
        forgetOldest()
        do {
            try makeSteps(for: number)
            guard let state = averages(of: number), state.isFinite else {
                throw AdaptationError(.notFinite, "environment \(number) diverged; lower the rates")
            }
            version += 1
            return AdaptationUpdate(environment: UInt32(clamping: number), version: version, state: state)
        } catch {
            (delta, deltaStep, deltaAverage, environments) = before
            throw error
        }
    }

    private func check(_ samples: [CloudSample], _ statistics: [Float]) throws {
        guard samples.allSatisfy({ $0.image.count == model.inputCount }),
            samples.allSatisfy({ $0.label.probabilities.count == model.classCount }),
            statistics.isEmpty || statistics.count == statisticsLayout.count
        else {
            throw AdaptationError(
                .shapeMismatch,
                "uploaded samples or statistics do not fit a model of \(model.inputCount) inputs and "
                    + "\(statisticsLayout.count) statistics"
            )
        }
        guard samples.allSatisfy({ $0.image.allSatisfy(\.isFinite) }), statistics.allSatisfy(\.isFinite) else {
            throw AdaptationError(.notFinite, "an uploaded sample or statistic holds a value that is not finite")
        }
    }

    private func forgetOldest() {
        guard environments.count > configuration.environments else { return }
        let oldest = environments.min { ($0.value.lastUse, $0.key) < ($1.value.lastUse, $1.key) }
        if let oldest { environments[oldest.key] = nil }
    }

    private func makeSteps(for number: Int) throws {
        var generator = SeededGenerator(seed: seed.deriving("cloud-update", UInt64(version)))
        let known = environments.keys.sorted()
        for turn in 0..<configuration.steps {
            try step(turn % 2 == 0 ? number : known[generator.below(known.count)], &generator)
        }
    }

    private func step(_ number: Int, _ generator: inout SeededGenerator) throws {
        guard var environment = environments[number] else { return }
        let count = min(configuration.batchSize, environment.samples.count)
        let batch = generator.sample(count, of: environment.samples.count).map { environment.samples[$0] }
        let parameters = statisticsLayout.apply(environment.statistics, to: layout.apply(delta, to: source))
        try session.load(parameters)
        try session.forward(table(batch, environment.prompt), rows: 0..<count)
        session.objective { objective.write($0, labels: batch.map(\.label)) }
        let guidance = UncertaintyGuidance(threshold: configuration.uncertaintyThreshold)
        let factors = guidance.factors(uncertainty: batch.reduce(0) { $0 + $1.uncertainty } / Float(count))
        let learnsDelta = configuration.deltaRate > 0 && layout.count > 0
        var parameterGradient: ParameterVector?
        if var prompt = environment.prompt, configuration.promptRate > 0 {
            let gradients = learnsDelta ? session.gradients() : nil
            parameterGradient = gradients?.parameters
            let gradient = VisualPrompt.gradient(
                prompt.shape,
                of: gradients?.inputs ?? session.inputGradient(),
                weights: [Float](repeating: 1, count: count)
            )
            let rate = configuration.promptRate * factors.prompt
            environment.promptStep.step(&prompt.values, gradient: gradient, rate: rate)
            environment.promptAverage.add(prompt.values)
            environment.prompt = prompt
            environments[number] = environment
        }
        guard learnsDelta else { return }
        let gradient = layout.project(parameterGradient ?? session.parameterGradient())
        deltaStep.step(&delta, gradient: gradient, rate: configuration.deltaRate * factors.delta)
        deltaAverage.add(delta)
    }

    /// What a device is sent: the averages over the steps, which are steadier than the last step (Polyak and
    /// Juditsky 1992).
    private func averages(of number: Int) -> AdaptationState? {
        guard let environment = environments[number] else { return nil }
        var prompt = environment.prompt
        if let values = environment.promptAverage.average { prompt?.values = values }
        return AdaptationState(prompt: prompt, delta: deltaAverage.average ?? delta)
    }

    private func table(_ samples: [CloudSample], _ prompt: VisualPrompt?) -> SampleTable {
        var images: [Float] = []
        images.reserveCapacity(samples.count * model.inputCount)
        for sample in samples { images += sample.image }
        prompt?.add(to: &images)
        return SampleTable(
            floats: images,
            shape: [model.inputCount],
            labels: [Int32](repeating: 0, count: samples.count)
        )
    }
}
