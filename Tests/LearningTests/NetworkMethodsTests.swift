// SPDX-License-Identifier: Apache-2.0

import Glibc
import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

/// Client-side methods on a layered model: what each does to a step, and that none touches running statistics.
@Suite struct NetworkMethodsTests {
    static let rate = 0.1
    let samples: Samples
    let model: ModelArchitecture
    let start: ParameterVector
    let trainer: LocalTrainer

    init() throws {
        var generator = SeededGenerator(seed: Seed(1))
        let floats = (0..<(12 * 100)).map { _ in Float(generator.normal()) }
        let labels = (0..<12).map { Int32($0 % 5 % 3) }
        samples = Samples(SampleTable(floats: floats, shape: [10, 10], labels: labels))
        model = try ModelArchitecture(
            ModelSpecification(kind: "small-cnn", input: [10, 10], classes: 3, settings: ["width": 4, "dropout": 0])
        )
        start = model.initialParameters(seed: Seed(2))
        trainer = LocalTrainer(model: model)
    }

    private func train(
        _ settings: [String: Double],
        from parameters: ParameterVector? = nil,
        control: ParameterVector? = nil,
        epochs: Int = 1,
        state: inout ClientState
    ) throws -> ClientRound {
        try ClientRound.train(
            trainer,
            from: parameters ?? start,
            control: control,
            samples: samples,
            TrainingSpecification(localEpochs: epochs, batchSize: 12, learningRate: Self.rate, settings: settings),
            state: &state
        )
    }

    /// One plain step.
    private func plain(from parameters: ParameterVector) throws -> ParameterVector {
        var state = ClientState()
        return try train([:], from: parameters, state: &state).delta
    }

    private var statistics: [Int] { model.layout.untrainedTensors.flatMap { Array(model.layout.range(of: $0)) } }

    private var trained: [Int] {
        let fixed = Set(statistics)
        return (0..<start.count).filter { !fixed.contains($0) }
    }

    private func sum(_ first: ParameterVector, _ second: ParameterVector) -> ParameterVector {
        var sum = first
        sum.add(second)
        return sum
    }

    private func expectNear(
        _ found: ParameterVector,
        _ expected: (Int) -> Float,
        at places: [Int],
        within tolerance: Float = 2e-6,
        _ location: SourceLocation = #_sourceLocation
    ) {
        let worst = places.map { abs(found[$0] - expected($0)) }.max() ?? 0
        #expect(worst < tolerance, sourceLocation: location)
    }

    static let methods: [[String: Double]] = [
        ["proximal_mu": 0.5], ["margin_lambda": 0.3], ["margin_lambda": 0.3, "margin_form": 1],
        ["calibration_tau": 0.5], ["sam_rho": 0.1], ["moon_mu": 1], ["scaffold": 1], ["dynamic_alpha": 0.3],
        ["personal_lambda": 0.5], ["hypergradient": 1], ["hypergradient": 2], ["report_initial_loss": 1],
        ["update_momentum": 0.5], ["moon_mu": 1, "sam_rho": 0.1, "proximal_mu": 0.1],
    ]

    @Test(arguments: methods) func runningStatisticsFollowTheBatchesAlone(_ settings: [String: Double]) throws {
        let first = try plain(from: start)
        let second = sum(start, first)
        let expected = try plain(from: second)
        var state = ClientState()
        let control = settings["scaffold"] == nil ? nil : model.initialParameters(seed: Seed(6))
        for (parameters, delta) in [(start, first), (second, expected)] {
            let round = try train(settings, from: parameters, control: control, state: &state)
            for index in statistics { #expect(round.delta[index] == delta[index]) }
            #expect(round.delta.squaredNorm.isFinite)
            if let controlDelta = round.controlDelta {
                for index in statistics { #expect(controlDelta[index] == 0) }
            }
        }
    }

    @Test func proximalStepsPullToTheStart() throws {
        let first = try plain(from: start)
        let second = try plain(from: sum(start, first))
        var state = ClientState()
        let round = try train(["proximal_mu": 0.5], epochs: 2, state: &state)
        expectNear(round.delta, { first[$0] + second[$0] - Float(Self.rate * 0.5) * first[$0] }, at: trained)
    }

    @Test func controlVariatesShiftTheGradient() throws {
        let control = model.initialParameters(seed: Seed(6))
        var state = ClientState()
        let round = try train(["scaffold": 1], control: control, state: &state)
        let delta = try plain(from: start)
        expectNear(round.delta, { delta[$0] - Float(Self.rate) * control[$0] }, at: trained)
        let own = try #require(state.vectors[ClientState.control])
        expectNear(own, { -delta[$0] / Float(Self.rate) }, at: trained, within: 2e-5)
    }

    @Test func theStepIsTakenWithTheGradientUphill() throws {
        let delta = try plain(from: start)
        let norm = trained.reduce(0) { $0 + Double(delta[$1] * delta[$1]) }.squareRoot() / Self.rate
        var uphill = start
        for index in trained { uphill[index] -= delta[index] * Float(0.2 / norm / Self.rate) }
        let expected = try plain(from: uphill)
        var state = ClientState()
        let round = try train(["sam_rho": 0.2], state: &state)
        expectNear(round.delta, { expected[$0] }, at: trained, within: 1e-5)
        #expect(trained.contains { abs(round.delta[$0] - delta[$0]) > 1e-4 })
    }

    @Test func contrastHasTheGradientOfItsLoss() throws {
        var state = ClientState()
        let previous = model.initialParameters(seed: Seed(7))
        state.vectors[ClientState.previous] = previous
        let round = try train(["moon_mu": 2, "moon_temperature": 0.5], state: &state)
        let reference = try #require(NetworkReference(model))
        var evaluating = reference
        evaluating.isTraining = false
        let table = samples.table
        let node = try #require(reference.plan.nodes.last?.inputs.first)
        func doubles(_ vector: ParameterVector) -> [Double] { vector.elements.map(Double.init) }
        // The compared models evaluate: their statistics are not this client's to move.
        let (toward, away) = (
            evaluating.values(doubles(start), table)[node], evaluating.values(doubles(previous), table)[node]
        )
        let count = toward.count / table.count
        func loss(_ w: [Double]) -> Double {
            let values = reference.values(w, table)
            var total = 0.0
            for row in 0..<table.count {
                let range = (row * count)..<((row + 1) * count)
                let x =
                    (cosine(values[node][range], away[range]) - cosine(values[node][range], toward[range])) / 0.5
                total += log(1 + exp(x))
            }
            return reference.crossEntropy(values[reference.plan.last], table) + 2 * total / Double(table.count)
        }
        let w = doubles(start)
        for index in stride(from: 0, to: trained.count, by: trained.count / 24).map({ trained[$0] }) {
            var (up, down) = (w, w)
            up[index] += 1e-6
            down[index] -= 1e-6
            let numeric = (loss(up) - loss(down)) / 2e-6
            #expect(abs(-Double(round.delta[index]) / Self.rate - numeric) < 2e-5 + 1e-4 * abs(numeric))
        }
    }

    private func cosine(_ a: ArraySlice<Double>, _ b: ArraySlice<Double>) -> Double {
        func dot(_ a: ArraySlice<Double>, _ b: ArraySlice<Double>) -> Double {
            zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
        }
        return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
    }

    @Test(arguments: [["margin_lambda": 0.3], ["calibration_tau": 0.5]])
    func objectivesOnLogitsChangeTheStep(_ settings: [String: Double]) throws {
        var state = ClientState()
        let round = try train(settings, state: &state)
        let delta = try plain(from: start)
        for tensor in model.layout.tensors.indices where model.layout.tensors[tensor].role != .buffer {
            #expect(model.layout.range(of: tensor).contains { abs(round.delta[$0] - delta[$0]) > 1e-5 })
        }
    }

    @Test func normalisationStaysOnTheClient() throws {
        var state = ClientState()
        let round = try train(["local_normalisation": 1], state: &state)
        let delta = try plain(from: start)
        let names = model.layout.localTensors.map { model.layout.tensors[$0].name }
        #expect(
            names
                == ["bn1", "bn2"].flatMap { norm in
                    ["weight", "bias", "running_mean", "running_var"].map { "\(norm).\($0)" }
                }
        )
        let local = Set(model.layout.localTensors.flatMap { Array(model.layout.range(of: $0)) })
        for index in 0..<start.count { #expect(round.delta[index] == (local.contains(index) ? 0 : delta[index])) }
        let methods = try ClientMethods(settings: ["local_normalisation": 1])
        let composed = trainer.localParameters(global: start, methods: methods, state: state)
        expectNear(composed, { start[$0] + (local.contains($0) ? delta[$0] : 0) }, at: Array(0..<start.count))
    }

    @Test func personalModelsTrainBesideThePlainOne() throws {
        var state = ClientState()
        let round = try train(["personal_lambda": 0.5], state: &state)
        #expect(try round.delta == plain(from: start))
        let personal = try #require(state.vectors[ClientState.personal])
        // The first step is plain: the personal model begins where the global one is.
        expectNear(personal, { start[$0] + round.delta[$0] }, at: trained)
    }

    @Test func featuresOfATextModelAreItsLastState() throws {
        let golden = try #require(NetworkDeterminismTests.cases.last { $0.kind == "gru" })
        let text = LocalTrainer(model: try golden.model)
        let parameters = text.model.initialParameters(seed: Seed(5))
        for settings in Self.methods {
            var state = ClientState()
            for _ in 0..<2 {
                let round = try ClientRound.train(
                    text,
                    from: parameters,
                    samples: Samples(golden.table),
                    TrainingSpecification(batchSize: 4, learningRate: 0.1, settings: settings),
                    state: &state
                )
                #expect(round.delta.squaredNorm.isFinite && round.delta.squaredNorm > 0)
            }
        }
    }
}
