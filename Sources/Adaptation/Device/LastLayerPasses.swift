// SPDX-License-Identifier: Apache-2.0

internal import CKernels
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
    /// The number of classes.
    public let classCount: Int
    private let featureCount: Int
    private let groupSize: Int
    /// The classes, rounded up to whole vectors of 16; what lies beyond the last class is 0.
    private let lanes: Int
    /// The weights of each feature for all classes.
    private let columns: [Float]
    private let start: [Float]

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
        let (classCount, featureCount) = (bias.count, weight.count / bias.count)
        let lanes = (classCount + 15) / 16 * 16
        (self.classCount, self.featureCount, self.lanes) = (classCount, featureCount, lanes)
        (columns, start) = parameters.withElements { elements in
            var columns = [Float](repeating: 0, count: featureCount * lanes)
            columns.withUnsafeMutableBufferPointer { columns in
                for index in 0..<classCount {
                    let row = weight.lowerBound + index * featureCount
                    for feature in 0..<featureCount { columns[feature * lanes + index] = elements[row + feature] }
                }
            }
            let start = (0..<lanes).map { $0 < classCount ? elements[bias.lowerBound + $0] : 0 }
            return (columns, start)
        }
    }

    /// The logits of all passes: pass after pass, in each row after row.
    ///
    /// - Precondition: whole rows of features.
    public func logits(of features: [Float], seed: Seed) -> [Float] {
        precondition(features.count % featureCount == 0, "passes are made of whole rows of features")
        let (rows, groups) = (features.count / featureCount, featureCount / groupSize)
        var generator = SeededGenerator(seed: seed.deriving("last-layer-passes"))
        let scale = 1 / (1 - rate)
        let masks = (0..<(passCount * groups)).map { _ in generator.uniformFloat() < rate ? 0 : scale }
        var parts = [Float](repeating: 0, count: groups * lanes)
        return [Float](unsafeUninitializedCapacity: passCount * rows * classCount) { result, count in
            count = passCount * rows * classCount
            guard let result = result.baseAddress else { return }
            features.withUnsafeBufferPointer { features in
                guard let features = features.baseAddress else { return }
                for row in 0..<rows {
                    ckl_group_sums(features + row * featureCount, columns, groups, groupSize, lanes, &parts)
                    masks.withUnsafeBufferPointer { masks in
                        for pass in 0..<passCount {
                            let out = result + (pass * rows + row) * classCount
                            let mask = masks.baseAddress.map { $0 + pass * groups }
                            ckl_masked_sums(start, parts, mask, groups, lanes, classCount, out)
                        }
                    }
                }
            }
        }
    }
}
