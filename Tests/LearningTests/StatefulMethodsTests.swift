// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

/// SCAFFOLD, FedDyn, FedBN, MOON, Ditto: what their papers promise of one client.
@Suite struct StatefulMethodsTests {
    static let samples = Samples(GlyphSet(seed: Seed(9)).table(.train, count: 60))
    let model: ModelArchitecture
    let start: ParameterVector
    let trainer: LocalTrainer

    init() throws {
        model = try ModelArchitecture(ModelSpecification(kind: "mlp", hidden: [12]))
        start = model.initialParameters(seed: Seed(2))
        trainer = LocalTrainer(model: model)
    }

    private func train(
        _ settings: [String: Double],
        from parameters: ParameterVector? = nil,
        control: ParameterVector? = nil,
        learningRate: Double = 0.1,
        epochs: Int = 1,
        state: inout ClientState,
        onStep: (TrainingProgress) -> Bool = { _ in true }
    ) throws -> ClientRound {
        try ClientRound.train(
            trainer,
            from: parameters ?? start,
            control: control,
            samples: Self.samples,
            TrainingSpecification(
                localEpochs: epochs,
                batchSize: 20,
                learningRate: learningRate,
                settings: settings
            ),
            state: &state,
            onStep: onStep
        )
    }

    // MARK: SCAFFOLD

    @Test func firstControlVariateIsTheMeanGradient() throws {
        var state = ClientState()
        let round = try train(["scaffold": 1], state: &state)
        // Three steps at 0.1 without corrections: the mean gradient is minus the change over 0.3.
        let own = try #require(state.vectors[ClientState.control])
        #expect(round.controlDelta == own)
        for index in 0..<start.count { #expect(abs(own[index] + round.delta[index] / 0.3) < 1e-5) }
    }

    @Test func equalControlVariatesCorrectNothing() throws {
        var state = ClientState()
        let plain = try train([:], state: &state)
        let control = model.initialParameters(seed: Seed(6))
        state.vectors[ClientState.control] = control
        let round = try train(["scaffold": 1], control: control, state: &state)
        #expect(round.delta == plain.delta)
        let own = try #require(state.vectors[ClientState.control])
        for index in stride(from: 0, to: start.count, by: 7) {
            #expect(abs(own[index] + round.delta[index] / 0.3) < 1e-5)
        }
    }

    @Test func stoppedRoundsCountTheirStepsOnly() throws {
        var stopped = ClientState()
        let round = try train(["scaffold": 1], epochs: 4, state: &stopped) { $0.step < 2 }
        #expect(round.outcome.wasStopped && round.outcome.steps == 2)
        let own = try #require(stopped.vectors[ClientState.control])
        for index in stride(from: 0, to: start.count, by: 7) {
            #expect(abs(own[index] + round.delta[index] / 0.2) < 1e-5)
        }
    }

    @Test func roundsWithoutALearningRateTeachNothing() throws {
        var state = ClientState()
        _ = try train(["scaffold": 1], state: &state)
        let before = state
        let control = model.initialParameters(seed: Seed(6))
        let round = try train(["scaffold": 1], control: control, learningRate: 0, state: &state)
        #expect(round.controlDelta?.squaredNorm == 0 && round.delta.squaredNorm == 0 && state == before)
    }

    // MARK: FedDyn

    @Test func memoryGathersTheChanges() throws {
        var state = ClientState()
        let first = try train(["dynamic_alpha": 0.2], state: &state)
        let second = try train(["dynamic_alpha": 0.2], state: &state)
        let memory = try #require(state.vectors[ClientState.dynamic])
        for index in stride(from: 0, to: start.count, by: 7) {
            #expect(abs(memory[index] + 0.2 * (first.delta[index] + second.delta[index])) < 1e-6)
        }
        #expect(first.delta != second.delta)
    }

    @Test func withoutMemoryTheRoundIsFedProx() throws {
        var dynamic = ClientState()
        var none = ClientState()
        #expect(
            try train(["dynamic_alpha": 0.2], epochs: 3, state: &dynamic).delta
                == train(["proximal_mu": 0.2], epochs: 3, state: &none).delta
        )
    }

    // MARK: MOON

    @Test func firstRoundsHaveNoContrast() throws {
        var state = ClientState()
        let plain = try train([:], state: &state)
        let round = try train(["moon_mu": 5], state: &state)
        #expect(round.delta == plain.delta)
        var trained = start
        trained.add(round.delta)
        let previous = try #require(state.vectors[ClientState.previous])
        for index in stride(from: 0, to: start.count, by: 7) { #expect(abs(previous[index] - trained[index]) < 1e-6) }
    }

    // MARK: FedBN

    @Test func localTensorsStayAndTrainOn() throws {
        trainer.localTensors = [1]
        let local = model.layout.range(of: 1)
        let settings = ["local_normalisation": 1.0]
        var state = ClientState()
        var none = ClientState()
        let first = try train(settings, state: &state)
        let plain = try train([:], state: &none)
        let own = try #require(state.vectors[ClientState.normalisation])
        #expect(own.count == 12)
        for index in 0..<start.count {
            #expect(first.delta[index] == (local.contains(index) ? 0 : plain.delta[index]))
        }
        for (offset, index) in local.enumerated() {
            #expect(abs(own[offset] - start[index] - plain.delta[index]) < 1e-6)
        }
        // The next round's model has a foreign value in the tensor: the client goes on from its own.
        var global = start
        global.add(first.delta)
        for index in local { global[index] = 9 }
        let methods = try ClientMethods(settings: settings)
        let composed = trainer.localParameters(global: global, methods: methods, state: state)
        for index in 0..<start.count {
            #expect(composed[index] == (local.contains(index) ? own[index - local.lowerBound] : global[index]))
        }
        let second = try train(settings, from: global, state: &state)
        let reference = try train([:], from: composed, state: &none)
        for index in 0..<start.count {
            #expect(second.delta[index] == (local.contains(index) ? 0 : reference.delta[index]))
        }
        #expect(trainer.localParameters(global: global, methods: methods, state: ClientState()) == global)
    }

    @Test func localTensorsHaveNoControlVariateAndNoMemory() throws {
        trainer.localTensors = [1]
        let control = model.initialParameters(seed: Seed(6))
        var state = ClientState()
        var plain = ClientState()
        for _ in 0..<2 {
            let round = try train(["local_normalisation": 1, "scaffold": 1], control: control, state: &state)
            _ = try train(["local_normalisation": 1, "dynamic_alpha": 0.3], state: &plain)
            for index in model.layout.range(of: 1) {
                #expect(round.controlDelta?[index] == 0 && round.delta[index] == 0)
                #expect(state.vectors[ClientState.control]?[index] == 0)
                #expect(plain.vectors[ClientState.dynamic]?[index] == 0)
            }
        }
        #expect(state.vectors[ClientState.control]?.squaredNorm ?? 0 > 0)
        #expect(plain.vectors[ClientState.dynamic]?.squaredNorm ?? 0 > 0)
    }

    @Test func localTensorsTrainWithoutCorrections() throws {
        trainer.localTensors = [1]
        let own = model.layout.range(of: 1)
        var zero = model.initialParameters(seed: Seed(6))
        for index in own { zero[index] = 0 }
        var other = zero
        for index in own { other[index] = 0.5 }
        var states = [ClientState(), ClientState()]
        let deltas = try zip([zero, other], 0...).map { control, client in
            try train(["local_normalisation": 1, "scaffold": 1], control: control, state: &states[client]).delta
        }
        #expect(deltas[0] == deltas[1] && states[0] == states[1])
    }

    // MARK: Ditto

    @Test func personalModelsMoveToTheGlobalOneAsLambdaGrows() throws {
        var distances: [Double] = []
        for lambda in [0.01, 0.3, 3.0] {
            var state = ClientState()
            state.vectors[ClientState.personal] = model.initialParameters(seed: Seed(8))
            _ = try train(["personal_lambda": lambda], epochs: 4, state: &state)
            let personal = try #require(state.vectors[ClientState.personal])
            distances.append(personal.subtracting(start).squaredNorm)
        }
        #expect(distances[0] > 1.5 * distances[1] && distances[1] > 1.5 * distances[2])
    }

    @Test func thePlainUpdateDoesNotKnowOfThePersonalModel() throws {
        var state = ClientState()
        var none = ClientState()
        let plain = try train([:], state: &none)
        var steps: [TrainingProgress] = []
        let settings = ["personal_lambda": 1.0, "personal_epochs": 3]
        let round = try train(settings, state: &state) {
            steps.append($0)
            return true
        }
        #expect(round.delta == plain.delta && round.outcome.meanLoss == plain.outcome.meanLoss)
        #expect(round.outcome.steps == 3 && steps.map(\.step) == Array(1...12))
        #expect(steps.allSatisfy { $0.plannedSteps == 12 } && steps.last?.samplesSeen == 240)
        let methods = try ClientMethods(settings: settings)
        let personal = trainer.localParameters(global: start, methods: methods, state: state)
        #expect(personal == state.vectors[ClientState.personal] && personal != start)
        #expect(trainer.localParameters(global: start, methods: methods, state: ClientState()) == start)
        let plainMethods = try ClientMethods(settings: [:])
        #expect(trainer.localParameters(global: start, methods: plainMethods, state: state) == start)
    }

    @Test func stoppingEndsBothTrainings() throws {
        var state = ClientState()
        let early = try train(["personal_lambda": 1], state: &state) { $0.step < 2 }
        #expect(early.outcome.wasStopped && early.outcome.steps == 2 && state.isEmpty)
        var last = 0
        let late = try train(["personal_lambda": 1], state: &state) {
            last = $0.step
            return $0.step < 5
        }
        #expect(late.outcome.wasStopped && late.outcome.steps == 3 && last == 5)
        #expect(state.vectors[ClientState.personal] != nil)
    }
}
