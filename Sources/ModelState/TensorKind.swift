// SPDX-License-Identifier: Apache-2.0

/// What a tensor is for; bytes are counted by it.
public enum TensorKind: Int, Sendable, CaseIterable, CustomStringConvertible {
    /// Weights of layers: matrices and filters.
    case weight
    /// One value a unit.
    case bias
    /// Scales and shifts of normalisation layers.
    case normalization
    /// Running statistics and the like, which are not trained.
    case buffer
    /// What travels beside the model: control variates.
    case control

    /// The name: `weight`.
    public var description: String {
        switch self {
        case .weight: "weight"
        case .bias: "bias"
        case .normalization: "normalization"
        case .buffer: "buffer"
        case .control: "control"
        }
    }
}

extension TensorLayout {
    /// Names of tensors that travel beside a model begin with this.
    public static let controlPrefix = "control."
}

extension TensorLayout.Tensor {
    /// What the tensor is for, as its name, role and shape tell.
    public var kind: TensorKind {
        if name.hasPrefix(TensorLayout.controlPrefix) { return .control }
        switch role {
        case .buffer: return .buffer
        case .normalization: return .normalization
        case .parameter: return shape.dimensions.count > 1 ? .weight : .bias
        }
    }
}
