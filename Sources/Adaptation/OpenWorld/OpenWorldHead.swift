// SPDX-License-Identifier: Apache-2.0

public import Learning
public import ModelState

/// The class vectors of a model: the weights of its last layer, whose biases take no part.
public enum OpenWorldHead {
    private static func range(_ model: ModelArchitecture) -> Range<Int> {
        model.layout.range(of: model.layout.tensors.count - 2)
    }

    /// The number of features of a sample.
    ///
    /// - Throws: ``AdaptationError`` with code `unsupportedModel` for a model whose features are not learned.
    public static func width(_ model: ModelArchitecture) throws -> Int {
        guard model.learnsFeatures, model.classCount >= 2 else {
            throw AdaptationError(
                .unsupportedModel,
                "FedoSSL groups samples by learned features of a dense layer, which a model of kind \(model.kind) "
                    + "has not; choose cnn, lenet, mlp, resnet or gru"
            )
        }
        return range(model).count / model.classCount
    }

    /// The class vectors.
    public static func vectors(_ parameters: ParameterVector, _ model: ModelArchitecture) -> FeatureVectors {
        let values = parameters.section(range(model)).elements
        return FeatureVectors(values, width: values.count / model.classCount)
    }

    static func add(_ gradient: FeatureVectors, to parameters: inout ParameterVector, _ model: ModelArchitecture) {
        let start = range(model).lowerBound
        parameters.withMutableElements { elements in
            for (index, value) in gradient.values.enumerated() { elements[start + index] += value }
        }
    }

    /// The products of directions: features' with class vectors'.
    static func similarities(_ features: FeatureVectors, _ head: FeatureVectors) -> [Float] {
        features.normalized.products(head.normalized)
    }

    /// The class whose vector is nearest in direction, of each row.
    static func answers(_ similarities: [Float], classes: Int) -> [Int] {
        stride(from: 0, to: similarities.count, by: classes)
            .map { start in
                let range = start..<(start + classes)
                return (range.max { similarities[$0] < similarities[$1] } ?? start) - start
            }
    }
}
