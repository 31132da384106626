// SPDX-License-Identifier: Apache-2.0

package import Rounds

extension LearningError {
    /// The error of a training whose loss or parameters are no longer finite.
    package static func divergence(step: Int, _ specification: TrainingSpecification) -> LearningError {
        LearningError(
            .diverged,
            "training diverged in step \(step) (the loss or the parameters are not finite); "
                + "lower training.learning_rate, now \(specification.learningRate)"
        )
    }
}
