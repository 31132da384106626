// SPDX-License-Identifier: Apache-2.0

import Learning
import ModelState
import Randomness
import RoundWork
import Rounds

/// Runs a scenario through the real state machines over a virtual network, with real encoded bytes and real training.
///
/// Training happens on all cores ahead of virtual time: an agent's result is waited for only when its virtual
/// training ends.
final class ProtocolRun {
    private let scenario: Scenario
    private let data: ClientData
    private let observer: (JobEvent) -> Void
    private var rounds: [SimulationResult.Round] = []

    init(_ scenario: Scenario, data: ClientData, observer: @escaping (JobEvent) -> Void) throws {
        guard scenario.job.clientSelection.scores == .last else {
            throw SpecificationError(.invalidValue, "'selection.scores' fresh needs mode fast")
        }
        self.scenario = try scenario.waitingForParticipants(data)
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
        let profiles = (0..<scenario.clients).map { client in
            AgentProfile(
                labels: scenario.labels(of: client),
                resources: scenario.resources(of: client, data)
            )
        }
        let result = try simulation.run(
            job: scenario.job,
            agents: profiles,
            seed: Seed(scenario.job.seed).deriving("world"),
            observer: { [self] in noted($0) }
        )
        return SimulationResult(
            status: result.status,
            rounds: rounds,
            model: result.model,
            layout: recipe.architecture.layout,
            elapsed: clock.now - begin,
            trainingElapsed: pool.busy,
            updateCount: Int(result.status.acceptedUpdates)
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
            rounds.append(
                SimulationResult.Round(
                    committed: committed,
                    evaluation: nil,
                    bytesDown: event.status.bytesDown,
                    bytesUp: event.status.bytesUp,
                    elapsed: event.status.elapsed
                )
            )
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
            beginTraining: { task, base, memory in
                pool.begin { trainer in
                    try train(task, base, memory, data.samples(of: client(task.key.agent)), trainer)
                }
            },
            beginEvaluation: { agent, task, base, memory in
                let samples = data.testSamples(of: client(agent))
                return pool.begin { trainer in
                    guard let samples else { return EvaluationSummary() }
                    return try ClientEvaluation.run(
                        base,
                        layout: task.layout,
                        samples: samples,
                        memory: memory,
                        trainer: trainer
                    )
                }
            }
        )
    }

    private static func train(
        _ task: TrainTask,
        _ base: ParameterVector,
        _ memory: ClientMemory,
        _ samples: Samples,
        _ trainer: LocalTrainer
    ) throws -> TrainingOutcome {
        let work = try ClientWork(task, architecture: trainer.model)
        var delta = ParameterVector(zeros: base.count)
        let result = try work.train(
            base: base,
            samples: samples,
            trainer: trainer,
            memory: memory,
            into: &delta,
            onStep: { _ in true }
        )
        return TrainingOutcome(
            delta: delta,
            weight: Double(max(result.outcome.sampleCount, 1)),
            steps: UInt64(result.outcome.steps),
            trainedSamples: UInt64(result.trainedSamples),
            loss: result.outcome.meanLoss ?? 0,
            initialLoss: result.outcome.initialLoss,
            uncertainty: result.outcome.uncertainty,
            state: result.state
        )
    }
}
