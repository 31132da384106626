// SPDX-License-Identifier: Apache-2.0

public import ModelState
public import Randomness

/// Several random passes of the last layer alone, over the features of one pass of the whole model.
///
/// Dropout with masks that groups of features share (SpatialDropout; Tompson and others 2015): each group's part of the
/// logits is computed once, a pass only sums the groups that stay, divided by their probability. All passes together
/// cost one last layer and some additions, whatever their number.
public struct LastLayerPasses: Sendable {
    /// The number of passes, 1 or more.
    public let passCount: Int
    /// The probability with which a group is dropped, 0 up to, not including, 1.
    public let rate: Float
    private let weights: [Float]
    private let bias: [Float]
    private let featureCount: Int
    private let groupSize: Int

    /// Takes the last layer from a model's parameters.
    ///
    /// - Parameter groupSize: how many features that follow each other share a mask: a channel's pixels.
    /// - Throws: ``AdaptationError`` with code `invalidParameter`, `shapeMismatch` where the last two tensors are no
    ///   dense layer.
    public init(
        _ parameters: ParameterVector,
        layout: TensorLayout,
        passCount: Int = 10,
        rate: Float = 0.25,
        groupSize: Int
    ) throws {
        guard passCount >= 1, rate >= 0, rate < 1, groupSize >= 1 else {
            throw AdaptationError(
                .invalidParameter,
                "passes (\(passCount)) and groups (\(groupSize)) are 1 or more, the rate (\(rate)) is from 0 up to 1"
            )
        }
        let last = layout.tensors.count - 1
        guard last >= 1, case let (weight, bias) = (layout.range(of: last - 1), layout.range(of: last)),
            parameters.count == layout.elementCount, !bias.isEmpty, weight.count % (bias.count * groupSize) == 0
        else {
            throw AdaptationError(.shapeMismatch, "the last layer has no groups of \(groupSize) features")
        }
        self.passCount = passCount
        self.rate = rate
        self.groupSize = groupSize
        weights = parameters.section(weight).elements
        self.bias = parameters.section(bias).elements
        featureCount = weight.count / bias.count
    }

    /// The number of classes.
    public var classCount: Int { bias.count }

    /// The logits of all passes: pass after pass, in each row after row.
    ///
    /// - Precondition: whole rows of features.
    public func logits(of features: [Float], seed: Seed) -> [Float] {
        precondition(features.count % featureCount == 0, "passes are made of whole rows of features")
        let (rows, classes, groups) = (features.count / featureCount, bias.count, featureCount / groupSize)
        var generator = SeededGenerator(seed: seed.deriving("last-layer-passes"))
        let scale = 1 / (1 - rate)
        let masks = (0..<(passCount * groups)).map { _ in generator.uniformFloat() < rate ? 0 : scale }
        var result = [Float](repeating: 0, count: passCount * rows * classes)
        var parts = [Float](repeating: 0, count: classes * groups)
        for row in 0..<rows {
            for group in 0..<groups {
                for index in 0..<classes {
                    let (first, weight) = (
                        row * featureCount + group * groupSize, index * featureCount + group * groupSize
                    )
                    var sum: Float = 0
                    for feature in 0..<groupSize { sum += features[first + feature] * weights[weight + feature] }
                    parts[group * classes + index] = sum
                }
            }
            for pass in 0..<passCount {
                let out = (pass * rows + row) * classes
                for index in 0..<classes { result[out + index] = bias[index] }
                for group in 0..<groups {
                    let mask = masks[pass * groups + group]
                    for index in 0..<classes where mask > 0 {
                        result[out + index] += mask * parts[group * classes + index]
                    }
                }
            }
        }
        return result
    }
}
