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
    /// The number of classes.
    public let classCount: Int
    private let featureCount: Int
    private let groupSize: Int
    /// The classes in blocks of eight; what lies beyond the last class is 0.
    private typealias Classes = SIMD8<Float>
    private let blocks: Int
    /// The weights of each feature for all classes.
    private let columns: [Classes]
    private let start: [Classes]

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
        let blocks = (classCount + 7) / 8
        (self.classCount, self.featureCount, self.blocks) = (classCount, featureCount, blocks)
        var columns = [Classes](repeating: .zero, count: featureCount * blocks)
        var start = [Classes](repeating: .zero, count: blocks)
        let (weights, biases) = (parameters.section(weight).elements, parameters.section(bias).elements)
        for index in 0..<classCount { start[index / 8][index % 8] = biases[index] }
        let lanes = 8 * blocks
        columns.withUnsafeMutableBytes { bytes in
            weights.withUnsafeBufferPointer { weights in
                let columns = bytes.assumingMemoryBound(to: Float.self)
                for index in 0..<classCount {
                    for feature in 0..<featureCount {
                        columns[feature * lanes + index] = weights[index * featureCount + feature]
                    }
                }
            }
        }
        (self.columns, self.start) = (columns, start)
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
        var parts = [Classes](repeating: .zero, count: groups * blocks)
        return [Float](unsafeUninitializedCapacity: passCount * rows * classCount) { result, count in
            for row in 0..<rows {
                sumGroups(features, row, into: &parts)
                for pass in 0..<passCount {
                    let out = (pass * rows + row) * classCount
                    for block in 0..<blocks {
                        // Two sums at once: one would wait for itself.
                        var (even, odd) = (start[block], Classes.zero)
                        var group = 0
                        while group + 1 < groups {
                            even += masks[pass * groups + group] * parts[group * blocks + block]
                            odd += masks[pass * groups + group + 1] * parts[(group + 1) * blocks + block]
                            group += 2
                        }
                        if group < groups { even += masks[pass * groups + group] * parts[group * blocks + block] }
                        even += odd
                        for index in (8 * block)..<min(8 * block + 8, classCount) {
                            result[out + index] = even[index % 8]
                        }
                    }
                }
            }
            count = passCount * rows * classCount
        }
    }

    /// Each group's part of a row's logits; classes lie side by side, and four features are summed at once.
    private func sumGroups(_ features: [Float], _ row: Int, into parts: inout [Classes]) {
        let (blocks, groupSize, groups) = (blocks, groupSize, featureCount / groupSize)
        features.withUnsafeBufferPointer { features in
            columns.withUnsafeBufferPointer { columns in
                let values = UnsafeBufferPointer(rebasing: features[(row * featureCount)..<((row + 1) * featureCount)])
                for group in 0..<groups {
                    let end = (group + 1) * groupSize
                    for block in 0..<blocks {
                        var (first, second, third, fourth) = (Classes.zero, Classes.zero, Classes.zero, Classes.zero)
                        var feature = group * groupSize
                        while feature + 3 < end {
                            first += values[feature] * columns[feature * blocks + block]
                            second += values[feature + 1] * columns[(feature + 1) * blocks + block]
                            third += values[feature + 2] * columns[(feature + 2) * blocks + block]
                            fourth += values[feature + 3] * columns[(feature + 3) * blocks + block]
                            feature += 4
                        }
                        while feature < end {
                            first += values[feature] * columns[feature * blocks + block]
                            feature += 1
                        }
                        parts[group * blocks + block] = (first + second) + (third + fourth)
                    }
                }
            }
        }
    }
}
