// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Aggregation
import Learning
import ModelState
import Rounds
import UpdateCoding

/// A rule for the model's tensors, and FedoSSL's server for those that travel behind them (``OpenWorldTensors``).
///
/// The weights of the suppressed confidence follow from how many samples all clients took for each class; centroids are
/// calibrated to all clients' clusters, from those of the round before (Zhang and others 2023). Where there are
/// fewer clusters than classes, the centroids stay as they are: no client can end the job by what it says of its data.
struct CalibratedRule: AggregationRule {
    /// Names of what is remembered: the values that travelled with the model.
    private static let memory = "fedossl"

    /// The rule's own name.
    var name: String { base.name }
    private let base: any AggregationRule
    private let modelTensorCount: Int
    private let settings: OpenWorldSettings
    private let round: RoundNumber

    init(_ base: any AggregationRule, modelTensorCount: Int, settings: OpenWorldSettings, round: RoundNumber) {
        self.base = base
        self.modelTensorCount = modelTensorCount
        self.settings = settings
        self.round = round
    }

    func aggregate(_ updates: any UpdateSet, sink: AggregateSink) throws {
        var state = AggregationState()
        try aggregate(updates, state: &state, sink: sink)
    }

    func aggregate(_ updates: any UpdateSet, state: inout AggregationState, sink: AggregateSink) throws {
        guard let tensors = OpenWorldTensors(of: updates.layout) else {
            preconditionFailure("a FedoSSL job's updates have its tensors")
        }
        let model = try UpdateSection(of: updates, tensors: 0..<modelTensorCount)
        let old = state.vectors.removeValue(forKey: Self.memory)
        try base.aggregate(model, state: &state, sink: sink)
        let count = tensors.clusters.upperBound - tensors.first
        let previous = old?.count == count ? old?.elements ?? [] : [Float](repeating: 0, count: count)
        let said = try read(updates, tensors)
        var next = previous
        next.replaceSubrange(0..<tensors.classes, with: try weights(said, updates, tensors))
        let place = (tensors.centroids.lowerBound - tensors.first)..<(tensors.centroids.upperBound - tensors.first)
        if settings.calibrates(after: Int(round.value)),
            let centroids = try centroids(said, tensors, from: Array(previous[place]))
        {
            next.replaceSubrange(place, with: centroids)
        }
        state.vectors[Self.memory] = ParameterVector(next)
        // The sum of a float and this difference is the new float: both are exact in double.
        let change = zip(next, previous).map { Double($0) - Double($1) }
        try change.withUnsafeBufferPointer { try sink(tensors.first, $0) }
    }

    /// What every update says of its client's data, from the first of the travelling tensors.
    private func read(_ updates: any UpdateSet, _ tensors: OpenWorldTensors) throws -> [[Float]] {
        let section = try UpdateSection(of: updates, tensors: modelTensorCount..<updates.layout.tensors.count)
        let count = section.layout.elementCount
        return try (0..<section.count)
            .map { index in
                let decoder = try section.makeDecoder(at: index)
                var values = [Float](repeating: 0, count: count)
                try values.withUnsafeMutableBufferPointer { try decoder.decode(into: $0) }
                return values
            }
    }

    /// The suppression of each class. A client counts by its samples, and takes no more than all of them for a class.
    private func weights(
        _ said: [[Float]],
        _ updates: any UpdateSet,
        _ tensors: OpenWorldTensors
    ) throws -> [Float] {
        let counts = (0..<tensors.classes)
            .map { label in
                said.indices.reduce(0.0) { sum, index in
                    sum + Double(min(max(said[index][label], 0), 1)) * updates.weight(at: index)
                }
            }
        return try SuppressedConfidence(base: settings.base).weights(counts: counts)
    }

    /// The centroids fitted to all clusters; nil where there are too few.
    private func centroids(_ said: [[Float]], _ tensors: OpenWorldTensors, from start: [Float]) throws -> [Float]? {
        let (width, first) = (tensors.width, tensors.first)
        var clusters: [Float] = []
        var means: [Int: [Float]] = [:]
        for values in said {
            for begin in stride(from: tensors.clusters.lowerBound, to: tensors.clusters.upperBound, by: width) {
                let row = values[(begin - first)..<(begin - first + width)]
                if row.contains(where: { $0 != 0 }) { clusters += row }
            }
            for label in 0..<tensors.seenClasses {
                let begin = tensors.means.lowerBound - first + label * width
                let row = Array(values[begin..<(begin + width)])
                let norm = row.reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
                guard norm > 0, norm.isFinite else { continue }
                // A mean of unit vectors is no longer than one: who says more counts no more.
                let scale = min(1, 1 / norm)
                let sum = means[label] ?? [Float](repeating: 0, count: width)
                means[label] = zip(sum, row).map { $0 + scale * $1 }
            }
        }
        let local = FeatureVectors(clusters, width: width)
        guard local.count >= tensors.classes, local.values.allSatisfy(\.isFinite) else { return nil }
        return try CentroidCalibration()
            .centroids(
                classes: tensors.classes,
                local: local,
                from: start.contains { $0 != 0 } ? FeatureVectors(start, width: width) : nil,
                means: means
            )
            .values
    }
}
