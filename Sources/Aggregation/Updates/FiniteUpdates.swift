// SPDX-License-Identifier: Apache-2.0

/// Leaves out updates with values that are infinite or not a number.
///
/// In a job, admission refuses such updates one by one before a rule sees them. Where updates come from elsewhere
/// (files), this screening stands in for admission. Rules themselves throw `notFinite` rather than pass such a value
/// on.
public struct FiniteUpdates {
    /// The finite updates; the set itself when all are finite.
    public let updates: any UpdateSet
    /// The positions of those left out.
    public let dropped: [Int]

    /// Reads all updates once.
    ///
    /// - Throws: ``AggregationError``: `noUpdates`; `notFinite` when no finite update is left; what the set throws.
    public init(screening updates: any UpdateSet, engine: AggregationEngine = AggregationEngine()) throws {
        guard updates.count > 0 else {
            throw AggregationError(.noUpdates, "there are no updates to screen; at least one is needed")
        }
        // The square of a finite float is finite in double precision, and so is the sum of fewer than 2^700 of them.
        let norms = try NormPass.uncheckedSquaredNorms(updates, engine: engine)
        let kept = norms.indices.filter { norms[$0].isFinite }
        guard !kept.isEmpty else {
            throw AggregationError(.notFinite, "each of the \(norms.count) updates has a value that is not finite")
        }
        dropped = norms.indices.filter { !norms[$0].isFinite }
        self.updates = dropped.isEmpty ? updates : SelectedUpdateSet.selecting(kept, of: updates)
    }
}
