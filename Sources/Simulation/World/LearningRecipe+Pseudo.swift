// SPDX-License-Identifier: Apache-2.0

import Digest
import ModelState
import Randomness
import Rounds

extension LearningRecipe {
    /// A cheap training without a meaning whose result depends on every input: model, agent, seed and what the agent
    /// remembers of its methods.
    ///
    /// A wrong model, a lost or doubled update, or a stale seed changes the final model.
    public static let pseudo = LearningRecipe(
        beginTraining: { task, model, _ in { pseudoTraining(task, model) } },
        beginEvaluation: { agent, task, model, _ in { pseudoEvaluation(agent, task, model) } }
    )

    private static func pseudoTraining(_ task: TrainTask, _ model: ParameterVector) -> TrainingOutcome {
        let digest = BlobDigest(hashing: model)
        let seed = Seed(task.seed).deriving("pseudo", task.key.agent.name, digest.high)
        var generator = SeededGenerator(seed: seed)
        let pull = 0.1 + 0.2 * generator.uniformFloat()
        let target = generator.uniformFloat() - 0.5
        let delta = ParameterVector(model.elements.map { (target - $0) * pull })
        let weight = Double(1 + generator.below(100))
        return TrainingOutcome(
            delta: delta,
            weight: weight,
            steps: 4,
            trainedSamples: UInt64(weight),
            loss: Double(target * target),
            uncertainty: task.training.settings["report_uncertainty"].map { _ in Double(pull) }
        )
    }

    private static func pseudoEvaluation(
        _ agent: AgentID,
        _ task: EvaluateTask,
        _ model: ParameterVector
    ) -> EvaluationSummary {
        var generator = SeededGenerator(seed: Seed(BlobDigest(hashing: model).low).deriving("evaluate", agent.name))
        let samples = 10 + generator.below(20)
        return EvaluationSummary(
            sampleCount: UInt64(samples),
            correctCount: UInt64(generator.below(samples + 1)),
            lossSum: generator.uniform() * Double(samples)
        )
    }
}

extension BlobDigest {
    /// The digest of a vector's elements as 32-bit floats.
    init(hashing vector: ParameterVector) {
        self = vector.withElements { BlobDigest(hashing: UnsafeRawBufferPointer($0)) }
    }
}
