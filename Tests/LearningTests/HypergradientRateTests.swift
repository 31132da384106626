// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Rounds
import Testing

@testable import Learning

struct HypergradientRateTests {
    @Test func stepsInOneDirectionRaiseTheRateAndTurnsLowerIt() {
        let rate = HypergradientRate(.paper, start: ParameterVector([0, 0]), lastStart: nil, plannedSteps: 10)
        rate.advance(to: ParameterVector([0.1, 0]), rate: 0.1)
        #expect(rate.factor == 1)
        // u_2 . u_1 / (eta eta) = 0.1 * 0.1 / 0.01 = 1.
        rate.advance(to: ParameterVector([0.2, 0]), rate: 0.1)
        #expect(abs(rate.factor - 2) < 1e-6)
        rate.advance(to: ParameterVector([0.1, 0]), rate: 0.1)
        #expect(abs(rate.factor - 1) < 1e-6)
        rate.advance(to: ParameterVector([1, 0]), rate: 0.1)
        #expect(rate.factor == 0.1)
    }

    @Test func theGlobalChangeCountsByItsShare() {
        let start = ParameterVector([1, 0])
        let rate = HypergradientRate(.paper, start: start, lastStart: ParameterVector([0, 0]), plannedSteps: 4)
        // (1 / K) u . D / eta = 0.25 * 0.1 / 0.1.
        rate.advance(to: ParameterVector([1.1, 0]), rate: 0.1)
        #expect(abs(rate.factor - 1.25) < 1e-5)
    }

    @Test func theReleasedFormGrowsByATenthAtMost() {
        let start = ParameterVector([10, 0])
        let released = HypergradientRate(
            .released(clients: 10),
            start: start,
            lastStart: ParameterVector([0, 0]),
            plannedSteps: 4
        )
        released.advance(to: ParameterVector([20, 0]), rate: 0.1)
        #expect(abs(released.factor - 1.1) < 1e-12)
    }

    @Test func aClientsUpdatesGatherMomentum() throws {
        let model = try ModelArchitecture(ModelSpecification(kind: "softmax", input: [4], classes: 3))
        let trainer = LocalTrainer(model: model)
        var generator = SeededGenerator(seed: Seed(1))
        let samples = Samples(
            SampleTable(
                floats: (0..<40).map { _ in generator.uniformFloat() },
                shape: [4],
                labels: (0..<10).map { Int32($0 % 3) }
            )
        )
        let specification = TrainingSpecification(batchSize: 10, settings: ["update_momentum": 0.9])
        let methods = try ClientMethods(settings: specification.settings)
        let parameters = model.initialParameters(seed: Seed(1))
        let (plain, _) = try trainer.train(
            parameters: parameters,
            samples: samples,
            specification: TrainingSpecification(batchSize: 10),
            seed: Seed(3)
        )
        var state = ClientState()
        for round in 1...3 {
            var delta = ParameterVector(zeros: parameters.count)
            _ = try delta.withMutableElements {
                try trainer.train(
                    parameters: parameters,
                    control: nil,
                    samples: samples,
                    specification: specification,
                    methods: methods,
                    state: &state,
                    seed: Seed(3),
                    into: $0,
                    controlDelta: nil
                )
            }
            // From the same model every round gives the same change: m = (1 - 0.9^round) delta.
            var power: Float = 1
            for _ in 0..<round { power *= 0.9 }
            for (value, expected) in zip(delta.elements, plain.elements) {
                #expect(abs(value - (1 - power) * expected) < 1e-6)
            }
        }
    }
}
