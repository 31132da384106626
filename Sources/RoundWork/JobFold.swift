// SPDX-License-Identifier: Apache-2.0

package import Aggregation
package import ModelState
package import Rounds

/// Makes the next model of a job out of the current one and a round's updates: the same in every shell.
package enum JobFold {
    /// Folds a round.
    ///
    /// - Parameters:
    ///   - updates: the accepted updates, in the order of their keys.
    ///   - current: the model that they started from.
    ///   - round: the round.
    ///   - recipe: the job.
    ///   - memory: takes the next model's elements.
    ///   - sum: the updates' sum by the coefficients of ``JobRecipe/summedRule(for:)``, where it is known already; then
    ///     `updates` need have none.
    ///   - onBlock: is given each finished block of the next model.
    /// - Returns: the elements, and what the strategy remembers now.
    package static func run(
        _ updates: any UpdateSet,
        current: JobModel,
        round: RoundNumber,
        recipe: JobRecipe,
        memory: SpareVector,
        sum: [Double]? = nil,
        onBlock: (UnsafeBufferPointer<Float>) throws -> Void = { _ in }
    ) throws -> (vector: ParameterVector, strategy: AggregationStrategy.State) {
        var next = memory.take(count: current.vector.count)
        var state = current.strategy
        try recipe.fold(for: round, sum: sum).fold(
            updates,
            current: current.vector,
            state: &state,
            into: &next,
            onBlock: onBlock
        )
        return (next, state)
    }
}

extension UpdateMetadata {
    /// What an accepted update tells about its training.
    package init(_ update: AcceptedUpdate, _ training: TrainingSpecification) {
        self.init(
            localSteps: update.steps > 0 ? Int(clamping: update.steps) : nil,
            localLearningRate: training.learningRate,
            initialLoss: update.initialLoss,
            staleness: Int(update.staleness)
        )
    }
}
