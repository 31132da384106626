// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

/// What holds of rounds with client-side methods whatever their numbers are; the numbers are MethodsOracleTests'.
@Suite struct LocalTrainerMethodsTests {
    static let samples = Samples(GlyphSet(seed: Seed(9)).table(.train, count: 90))
    let model: ModelArchitecture
    let start: ParameterVector
    let trainer: LocalTrainer

    init() throws {
        model = try ModelArchitecture(ModelSpecification(kind: "mlp", hidden: [20, 17]))
        start = model.initialParameters(seed: Seed(2))
        trainer = LocalTrainer(model: model)
    }

    private func specification(
        _ settings: [String: Double],
        learningRate: Double = 0.1,
        epochs: Int = 2
    ) -> TrainingSpecification {
        TrainingSpecification(
            localEpochs: epochs,
            batchSize: 32,
            learningRate: learningRate,
            momentum: 0.5,
            settings: settings
        )
    }

    /// Two rounds from different models, the second with what the first left.
    private func twoRounds(
        _ settings: [String: Double],
        trainer other: LocalTrainer? = nil
    ) throws -> (second: ClientRound, state: ClientState) {
        var state = ClientState()
        let control = settings["scaffold"] == 1 ? model.initialParameters(seed: Seed(5)) : nil
        let first = try ClientRound.train(
            other ?? trainer,
            from: start,
            control: control,
            samples: Self.samples,
            specification(settings),
            state: &state
        )
        var global = start
        global.add(first.delta, scale: 0.5)
        let second = try ClientRound.train(
            other ?? trainer,
            from: global,
            control: control,
            samples: Self.samples,
            specification(settings),
            state: &state,
            seed: Seed(4)
        )
        return (second, state)
    }

    static let everything: [[String: Double]] = [
        ["margin_lambda": 0.03], ["calibration_tau": 1], ["sam_rho": 0.05], ["moon_mu": 1], ["scaffold": 1],
        ["dynamic_alpha": 0.1], ["personal_lambda": 1], ["proximal_mu": 0.1],
        [
            "scaffold": 1, "margin_lambda": 0.03, "proximal_mu": 0.1, "moon_mu": 1, "sam_rho": 0.05,
            "calibration_tau": 0.5, "personal_lambda": 1, "local_normalisation": 1,
        ],
    ]

    @Test(arguments: everything) func earlierWorkDoesNotShow(_ settings: [String: Double]) throws {
        let fresh = try twoRounds(settings)
        let used = LocalTrainer(model: model)
        for other in Self.everything {
            var state = ClientState()
            state.vectors[ClientState.previous] = model.initialParameters(seed: Seed(7))
            var larger = specification(other)
            larger.batchSize = 70
            _ = try ClientRound.train(used, from: start, samples: Self.samples, larger, state: &state)
        }
        let again = try twoRounds(settings, trainer: used)
        #expect(again.second.delta == fresh.second.delta)
        #expect(again.second.controlDelta == fresh.second.controlDelta)
        #expect(again.state == fresh.state)
    }

    @Test(arguments: everything) func everyMethodChangesTheResult(_ settings: [String: Double]) throws {
        let plain = try twoRounds([:]).second
        let (second, state) = try twoRounds(settings)
        #expect((second.delta != plain.delta) == (settings["personal_lambda"] != 1 || settings.count > 1))
        #expect(state.isEmpty == !(try ClientMethods(settings: settings).keepsState))
        #expect(second.delta.isFinite && second.outcome.steps == 6)
    }

    @Test func methodsThatAreOffLeaveTheBitsAlone() throws {
        var state = ClientState()
        for settings: [String: Double] in [
            [:], ["margin_lambda": 0, "sam_rho": 0, "moon_mu": 0, "report_initial_loss": 1],
        ] {
            let round = try ClientRound.train(
                trainer,
                from: start,
                samples: Self.samples,
                specification(settings),
                state: &state
            )
            let plain = try trainer.train(
                parameters: start,
                samples: Self.samples,
                specification: specification(["unread": 1]),
                objective: CrossEntropyObjective(),
                seed: Seed(3)
            )
            #expect(round.delta == plain.delta && round.outcome.meanLoss == plain.outcome.meanLoss)
            #expect(state.isEmpty)
        }
    }

    @Test func failedTrainingLeavesTheState() throws {
        for settings in Self.everything {
            var state = try twoRounds(settings).state
            let before = state
            #expect(
                learningErrorCode {
                    _ = try ClientRound.train(
                        trainer,
                        from: start,
                        samples: Self.samples,
                        specification(settings, learningRate: 1e30),
                        state: &state
                    )
                } == .diverged
            )
            #expect(state == before)
        }
    }

    @Test func divergenceLeavesNothingInTheTrainer() throws {
        let fresh = try twoRounds(["sam_rho": 0.05])
        let other = LocalTrainer(model: model)
        for settings in Self.everything {
            var state = ClientState()
            let diverging = specification(settings, learningRate: 1e30, epochs: 4)
            _ = try? ClientRound.train(other, from: start, samples: Self.samples, diverging, state: &state)
            #expect(try twoRounds(["sam_rho": 0.05], trainer: other).second.delta == fresh.second.delta)
        }
    }

    @Test func personalDivergenceLeavesTheState() throws {
        // The plain model is fine; only the pull with this factor overshoots.
        let settings = ["personal_lambda": 1e9, "scaffold": 1.0]
        var state = try twoRounds(["scaffold": 1]).state
        state.vectors[ClientState.personal] = model.initialParameters(seed: Seed(12))
        let before = state
        #expect(
            learningErrorCode {
                _ = try ClientRound.train(
                    trainer,
                    from: start,
                    samples: Self.samples,
                    specification(settings),
                    state: &state
                )
            } == .diverged
        )
        #expect(state == before)
    }

    @Test func theLoadedStateMustFitTheModel() {
        for (name, key) in [
            (ClientState.control, "scaffold"), (ClientState.dynamic, "dynamic_alpha"),
            (ClientState.previous, "moon_mu"), (ClientState.personal, "personal_lambda"),
        ] {
            var state = ClientState()
            state.vectors[name] = ParameterVector(zeros: start.count - 1)
            let before = state
            #expect(
                learningErrorCode {
                    _ = try ClientRound.train(
                        trainer,
                        from: start,
                        samples: Self.samples,
                        specification([key: 1]),
                        state: &state
                    )
                } == .shapeMismatch
            )
            #expect(state == before)
        }
    }

    @Test func theInitialLossIsThatOfTheRoundsModel() throws {
        let expected = try trainer.evaluate(parameters: start, samples: Self.samples).meanLoss
        // It is the plain cross-entropy, whatever the steps minimise.
        let settings = ["report_initial_loss": 1.0, "margin_lambda": 0.5]
        let (_, outcome) = try trainer.train(
            parameters: start,
            samples: Self.samples,
            specification: specification(settings),
            seed: Seed(1)
        )
        #expect(outcome.initialLoss == expected)
        let plain = try trainer.train(
            parameters: start,
            samples: Self.samples,
            specification: specification([:]),
            seed: Seed(1)
        )
        #expect(plain.outcome.initialLoss == nil)
    }

    @Test func callersWithoutStateAreRefusedStatefulMethodsOnly() throws {
        func train(_ settings: [String: Double], trainerName: String = "sgd") throws {
            var specification = specification(settings)
            specification.trainer = trainerName
            _ = try trainer.train(
                parameters: start,
                samples: Self.samples,
                specification: specification,
                seed: Seed(1)
            )
        }
        for key in ["scaffold", "dynamic_alpha", "moon_mu", "local_normalisation", "personal_lambda"] {
            #expect(learningErrorCode { try train([key: 1]) } == .invalidSpecification)
        }
        for key in ["sam_rho", "margin_lambda", "calibration_tau"] {
            #expect(learningErrorCode { try train([key: 0.1]) } == nil)
        }
        #expect(learningErrorCode { try train(["scaffold": 1], trainerName: "none") } == nil)
    }

    @Test func controlVariatesWithoutScaffoldAndOfOtherModelsAreRefused() {
        var state = ClientState()
        for (settings, count, code) in [
            ([:], start.count, .invalidSpecification), (["scaffold": 1], start.count + 1, .shapeMismatch),
        ] as [([String: Double], Int, LearningError.Code)] {
            #expect(
                learningErrorCode {
                    _ = try ClientRound.train(
                        trainer,
                        from: start,
                        control: ParameterVector(zeros: count),
                        samples: Self.samples,
                        specification(settings),
                        state: &state
                    )
                } == code
            )
        }
    }

    @Test func contrastNeedsHiddenLayers() throws {
        let softmax = try ModelArchitecture(ModelSpecification(kind: "softmax"))
        var state = ClientState()
        #expect(
            learningErrorCode {
                _ = try ClientRound.train(
                    LocalTrainer(model: softmax),
                    from: softmax.initialParameters(seed: Seed(1)),
                    samples: Self.samples,
                    specification(["moon_mu": 1]),
                    state: &state
                )
            } == .invalidSpecification
        )
    }

    @Test func theTrainerNoneChangesNothing() throws {
        var state = try twoRounds(["scaffold": 1]).state
        let before = state
        var none = specification(["scaffold": 1])
        none.trainer = "none"
        let round = try ClientRound.train(trainer, from: start, samples: Self.samples, none, state: &state)
        #expect(round.delta.squaredNorm == 0 && round.controlDelta?.squaredNorm == 0 && state == before)
        #expect(round.outcome.steps == 0)
    }
}
