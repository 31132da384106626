// SPDX-License-Identifier: Apache-2.0

/// How much arithmetic the matrix products of a model's training take.
///
/// A product of `rows x inner` by `inner x columns` counts `2 * rows * inner * columns` floating-point operations: the
/// usual count, in which a product by zero is one too. Products that leave zeros out can so exceed a processor's peak.
public struct TrainingArithmetic: Sendable, Hashable {
    /// One matrix product of a step.
    public struct Product: Sendable, Hashable {
        /// What a product computes.
        public enum Kind: String, Sendable, Hashable, CaseIterable {
            /// Outputs from inputs and weights.
            case forward
            /// The gradient with respect to the inputs; the first layer has none.
            case inputGradient
            /// The gradient with respect to the weights.
            case weightGradient
        }

        /// What it computes.
        public let kind: Kind
        /// The layer, from 0.
        public let layer: Int
        /// The layer's inputs.
        public let inputs: Int
        /// The layer's outputs.
        public let outputs: Int

        /// What it computes, and of what size.
        public var name: String { "\(kind.rawValue) \(inputs) x \(outputs)" }
        /// The floating-point operations for each sample.
        public var flopsPerSample: Double { 2 * Double(inputs) * Double(outputs) }
    }

    /// The products of a step, in the order of their computation; none for a model without layers.
    public let products: [Product]

    /// Counts a model's products.
    public init(_ model: ModelArchitecture) {
        func product(_ kind: Product.Kind, _ layer: Int) -> Product {
            Product(
                kind: kind,
                layer: layer,
                inputs: model.layers[layer].inputs,
                outputs: model.layers[layer].outputs
            )
        }
        let forward = model.layers.indices.map { product(.forward, $0) }
        let backward = model.layers.indices.reversed().flatMap { layer in
            layer > 0
                ? [product(.inputGradient, layer), product(.weightGradient, layer)]
                : [product(.weightGradient, layer)]
        }
        products = forward + backward
    }

    /// The floating-point operations of training on one sample once.
    public var trainingFlopsPerSample: Double {
        products.reduce(0) { $0 + $1.flopsPerSample }
    }

    /// The floating-point operations of evaluating one sample.
    public var evaluationFlopsPerSample: Double {
        products.filter { $0.kind == .forward }.reduce(0) { $0 + $1.flopsPerSample }
    }
}
