// SPDX-License-Identifier: Apache-2.0

public import ModelState

/// The tensors that travel behind the model of a FedoSSL job, for C classes, S seen ones, features of D values and K
/// clusters a client.
///
/// | tensor, after `control.fedossl.` | shape | with the model |
/// |---|---|---|
/// | `weights` | C | the suppression of each class, 0 for none yet |
/// | `centroids` | C x D | the calibrated centroids as unit vectors, zeros for none yet |
/// | `means` | S x D | zeros |
/// | `clusters` | K x D | zeros |
///
/// With an update come, in the same places: the share of the client's samples that have no label and were taken for
/// each class; zeros; the mean unit features of labelled samples by class, zeros for too few; the clusters of
/// the client's features as unit vectors, zeros for none.
public struct OpenWorldTensors: Sendable, Hashable {
    private static let prefix = TensorLayout.controlPrefix + "fedossl."

    /// C.
    public let classes: Int
    /// S.
    public let seenClasses: Int
    /// D.
    public let width: Int
    /// K.
    public let clusterCount: Int
    /// Where the elements of the weights lie.
    public let weights: Range<Int>
    /// Where the elements of the centroids lie.
    public let centroids: Range<Int>
    /// Where the elements of the means lie.
    public let means: Range<Int>
    /// Where the elements of the clusters lie.
    public let clusters: Range<Int>

    /// Finds the tensors of a layout, whose last ones they are; nil where it has none.
    public init?(of layout: TensorLayout) {
        let tensors = layout.tensors
        let first = tensors.count - 4
        let names = ["weights", "centroids", "means", "clusters"].map { Self.prefix + $0 }
        guard first >= 0, tensors[first...].map(\.name) == names else { return nil }
        let shapes = tensors[first...].map(\.shape.dimensions)
        guard shapes[0].count == 1, shapes.dropFirst().allSatisfy({ $0.count == 2 && $0[1] == shapes[1][1] }),
            shapes[1][0] == shapes[0][0], shapes[2][0] <= shapes[0][0], shapes[0][0] <= AnswerCounts.maximumClasses
        else { return nil }
        (classes, seenClasses, width, clusterCount) = (shapes[0][0], shapes[2][0], shapes[1][1], shapes[3][0])
        weights = layout.range(of: first)
        centroids = layout.range(of: first + 1)
        means = layout.range(of: first + 2)
        clusters = layout.range(of: first + 3)
    }

    /// The tensors of a job.
    public static func tensors(
        classes: Int,
        seenClasses: Int,
        width: Int,
        clusterCount: Int
    ) -> [TensorLayout.Tensor] {
        [
            .init(name: prefix + "weights", shape: [classes]),
            .init(name: prefix + "centroids", shape: [classes, width]),
            .init(name: prefix + "means", shape: [seenClasses, width]),
            .init(name: prefix + "clusters", shape: [clusterCount, width]),
        ]
    }

    /// Where the first of the elements lies; what lies before it is the model.
    public var first: Int { weights.lowerBound }
}
