// SPDX-License-Identifier: Apache-2.0

import Aggregation
import Digest
import Learning
import ModelState
import Randomness
import RoundWork
import Rounds
import UpdateCoding

/// Runs a scenario through the real state machines over a virtual network, with real encoded bytes and real training.
///
/// Training happens on all cores ahead of virtual time: an agent's result is waited for only when its virtual
/// training ends.
final class ProtocolRun {
    private let scenario: Scenario
    private let data: ClientData
    private let observer: (JobEvent) -> Void
    private var rounds: [SimulationResult.Round] = []

    init(_ scenario: Scenario, data: ClientData, observer: @escaping (JobEvent) -> Void) {
        self.scenario = scenario
        self.data = data
        self.observer = observer
    }

    func run() throws -> SimulationResult {
        let clock = ContinuousClock()
        let begin = clock.now
        let recipe = try JobRecipe(scenario.job)
        let pool = TrainerPool(architecture: recipe.architecture, threads: scenario.threads)
        var simulation = ProtocolSimulation(
            recipe: Self.world(recipe, scenario, data, pool),
            transport: WireTransport()
        )
        simulation.configuration = CoordinatorConfiguration()
        let profiles = Array(repeating: AgentProfile(), count: scenario.clients)
        let result = try simulation.run(
            job: scenario.job,
            agents: profiles,
            seed: Seed(scenario.job.seed).deriving("world"),
            observer: { [self] in noted($0) }
        )
        var status = result.status
        status.modelDigest = BlobDigest(hashing: result.model.sharedBytes.bytes)
        return SimulationResult(
            status: status,
            rounds: rounds,
            model: result.model,
            layout: recipe.architecture.layout,
            elapsed: clock.now - begin,
            trainingElapsed: pool.busy,
            updateCount: Int(status.acceptedUpdates)
        )
    }

    private func noted(_ event: JobEvent) {
        if event.kind == .roundCommitted, let digest = event.status.modelDigest {
            let committed = CommittedRound(
                round: event.status.round,
                modelDigest: digest,
                updates: [],
                elapsed: event.status.elapsed
            )
            rounds.append(SimulationResult.Round(committed: committed, evaluation: nil))
        }
        if event.kind == .evaluated,
            let index = rounds.lastIndex(where: { $0.committed.round == event.status.evaluatedRound })
        {
            rounds[index].evaluation = event.status.evaluation
        }
        observer(event)
    }

    /// The work inside the virtual world, done by the same code as in a real one.
    private static func world(
        _ recipe: JobRecipe,
        _ scenario: Scenario,
        _ data: ClientData,
        _ pool: TrainerPool
    ) -> LearningRecipe {
        let numbers = Dictionary(uniqueKeysWithValues: scenario.agents.enumerated().map { ($1, $0) })
        let client = { @Sendable (agent: AgentID) -> Int in
            guard let number = numbers[agent] else { preconditionFailure("only clients of the scenario are asked") }
            return number
        }
        return LearningRecipe(
            makeModel: { specification in
                (
                    recipe.architecture.layout,
                    recipe.architecture.initialParameters(seed: JobRecipe.initialSeed(specification))
                )
            },
            makeRule: { _ in recipe.fold.rule },
            makeCodec: { try CodecRegistry.codec($0) },
            beginTraining: { task, model in
                pool.begin { trainer in
                    try train(task, model, data.samples(of: client(task.key.agent)), trainer)
                }
            },
            beginEvaluation: { agent, _, model in
                let samples = data.testSamples(of: client(agent), among: scenario.clients)
                return pool.begin { trainer in
                    guard let samples else { return EvaluationSummary() }
                    let outcome = try trainer.evaluate(parameters: model, samples: samples)
                    return EvaluationSummary(
                        sampleCount: UInt64(outcome.sampleCount),
                        correctCount: UInt64(outcome.correctCount),
                        lossSum: outcome.lossSum
                    )
                }
            },
            digest: { BlobDigest(hashing: $0) }
        )
    }

    private static func train(
        _ task: TrainTask,
        _ model: ParameterVector,
        _ samples: Samples,
        _ trainer: LocalTrainer
    ) throws -> TrainingOutcome {
        var trainedSamples = 0
        let (delta, outcome) = try trainer.train(
            parameters: model,
            samples: samples,
            specification: task.training,
            seed: Seed(task.seed)
        ) { progress in
            trainedSamples = progress.samplesSeen
            return true
        }
        return TrainingOutcome(
            delta: delta,
            weight: Double(max(outcome.sampleCount, 1)),
            steps: UInt64(outcome.steps),
            trainedSamples: UInt64(trainedSamples),
            loss: outcome.meanLoss ?? 0
        )
    }
}
