// SPDX-License-Identifier: Apache-2.0

public import ModelState

/// The few numbers of a model that an environment changes, and where they act.
///
/// A delta is a difference from the source model's parameters: of the batch norms' weights and biases, of their running
/// statistics, of the last layer's bias, and of its weights, one number for each class and channel that all pixels of
/// the channel share.
public struct DeltaLayout: Sendable, Hashable {
    /// What a delta may hold.
    public enum Part: String, Sendable, Hashable, CaseIterable, Codable {
        /// Weights and biases of batch norms.
        case affine
        /// Running means and variances of batch norms.
        case statistics
        /// The last layer's bias.
        case bias
        /// The last layer's weights, one number for each class and channel.
        case head
    }

    /// A run of the delta.
    struct Run: Sendable, Hashable {
        let part: Part
        /// The first parameter, in the model's layout.
        let target: Int
        /// The number of the delta's values.
        let count: Int
        /// How many parameters that follow each other one value moves.
        let repeats: Int
    }

    /// What the delta holds.
    public let parts: Set<Part>
    /// The number of values.
    public let count: Int
    /// The number of the model's parameters.
    public let parameterCount: Int
    let runs: [Run]

    /// Finds the parts in a model's tensors; a part that the model does not have is left out.
    ///
    /// The last two tensors must be a dense layer's weight and bias for `bias` and `head`.
    public init(_ layout: TensorLayout, parts: Set<Part>) {
        var runs: [Run] = []
        for (index, tensor) in layout.tensors.enumerated() {
            let range = layout.range(of: index)
            let part: Part? =
                switch tensor.role {
                case .normalization: .affine
                case .buffer: .statistics
                case .parameter: nil
                }
            if let part, parts.contains(part) {
                runs.append(Run(part: part, target: range.lowerBound, count: range.count, repeats: 1))
            }
        }
        let last = layout.tensors.count - 1
        if last >= 1, layout.tensors[last].shape.elementCount == layout.range(of: last).count {
            let (weight, bias) = (layout.range(of: last - 1), layout.range(of: last))
            if parts.contains(.head), weight.count % max(bias.count, 1) == 0 {
                let features = weight.count / bias.count
                let normalized = layout.tensors.last { $0.role == .normalization }?.shape.elementCount
                let channels = normalized.flatMap { features % $0 == 0 ? $0 : nil } ?? features
                runs.append(
                    Run(
                        part: .head,
                        target: weight.lowerBound,
                        count: bias.count * channels,
                        repeats: features / channels
                    )
                )
            }
            if parts.contains(.bias) {
                runs.append(Run(part: .bias, target: bias.lowerBound, count: bias.count, repeats: 1))
            }
        }
        self.runs = runs
        self.parts = Set(runs.map(\.part))
        count = runs.reduce(0) { $0 + $1.count }
        parameterCount = layout.elementCount
    }

    /// Adds a delta to the source model's parameters.
    ///
    /// - Precondition: sizes of this layout.
    public func apply(_ delta: [Float], to source: ParameterVector) -> ParameterVector {
        precondition(delta.count == count && source.count == parameterCount, "a delta has its layout's size")
        var result = source
        result.withMutableElements { elements in
            forEach { index, parameter in elements[parameter] += delta[index] }
        }
        return result
    }

    /// The gradient with respect to the delta: each value collects those of the parameters that it moves.
    ///
    /// - Precondition: sizes of this layout.
    public func project(_ gradient: ParameterVector) -> [Float] {
        precondition(gradient.count == parameterCount, "a gradient has its model's size")
        var result = [Float](repeating: 0, count: count)
        gradient.withElements { elements in
            forEach { index, parameter in result[index] += elements[parameter] }
        }
        return result
    }

    /// The positions of a part's values in the delta.
    public func range(of part: Part) -> [Range<Int>] {
        var (start, ranges): (Int, [Range<Int>]) = (0, [])
        for run in runs {
            if run.part == part { ranges.append(start..<(start + run.count)) }
            start += run.count
        }
        return ranges
    }

    /// Calls with each value's position and each parameter's that it moves.
    private func forEach(_ body: (Int, Int) -> Void) {
        var index = 0
        for run in runs {
            for value in 0..<run.count {
                let first = run.target + value * run.repeats
                for parameter in first..<(first + run.repeats) { body(index, parameter) }
                index += 1
            }
        }
    }
}
