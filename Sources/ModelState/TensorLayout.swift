// SPDX-License-Identifier: Apache-2.0

/// Where each named tensor of a model lies in its flat parameter vector.
///
/// Tensors stand one after the other in the order given, row-major, without gaps:
///
///     |<- layer1.weight: 200 x 784 ->|<- layer1.bias: 200 ->|<- layer2.weight ... ->|
///     0                          156800                 157000
public struct TensorLayout: Hashable, Sendable, Codable {
    /// What a tensor is to the aggregation rules.
    public enum Role: String, Hashable, Sendable, Codable {
        /// Learned by gradient steps.
        case parameter
        /// Kept by the model without gradients (running mean and variance of a batch norm); always averaged plainly.
        case buffer
        /// Scale and shift of a normalisation layer: learned, but local under FedBN.
        case normalization
    }

    /// A tensor's name, shape and role.
    public struct Tensor: Hashable, Sendable, Codable {
        /// Unique in its layout, 1 to 256 bytes of UTF-8.
        public let name: String
        /// The tensor's extents.
        public let shape: TensorShape
        /// What the tensor is to the aggregation rules.
        public let role: Role

        /// Creates a description of a tensor.
        public init(name: String, shape: TensorShape, role: Role = .parameter) {
            self.name = name
            self.shape = shape
            self.role = role
        }
    }

    /// The most tensors that a layout may have.
    public static let maximumTensorCount = 65_536
    /// The longest name of a tensor, in bytes of UTF-8.
    public static let maximumNameBytes = 256

    /// The tensors in the order in which they lie in the vector.
    public let tensors: [Tensor]
    /// The number of elements of the whole vector.
    public let elementCount: Int
    private let offsets: [Int]

    /// Lays the tensors out in the given order.
    ///
    /// - Throws: ``ModelStateError`` with code `invalidLayout` for a repeated, empty or overlong name, too many
    ///   tensors, or a total that no vector can hold.
    public init(_ tensors: [Tensor]) throws {
        guard tensors.count <= Self.maximumTensorCount else {
            throw ModelStateError(
                .invalidLayout,
                "a model of \(tensors.count) tensors: at most \(Self.maximumTensorCount)"
            )
        }
        var offsets: [Int] = []
        offsets.reserveCapacity(tensors.count)
        var names = Set<String>(minimumCapacity: tensors.count)
        var total = 0
        for tensor in tensors {
            guard !tensor.name.isEmpty, tensor.name.utf8.count <= Self.maximumNameBytes else {
                throw ModelStateError(.invalidLayout, "a tensor's name must have 1 to \(Self.maximumNameBytes) bytes")
            }
            guard names.insert(tensor.name).inserted else {
                throw ModelStateError(.invalidLayout, "two tensors are named '\(tensor.name)'; names must differ")
            }
            offsets.append(total)
            let (sum, overflow) = total.addingReportingOverflow(tensor.shape.elementCount)
            guard !overflow, sum < 1 << 60 else {
                throw ModelStateError(.invalidLayout, "the tensors up to '\(tensor.name)' are too large together")
            }
            total = sum
        }
        self.tensors = tensors
        self.offsets = offsets
        elementCount = total
    }

    /// The elements of the vector that hold the tensor at `index`.
    public func range(of index: Int) -> Range<Int> {
        let start = offsets[index]
        return start..<(start + tensors[index].shape.elementCount)
    }

    /// The position in ``tensors`` of the tensor with this name.
    public func index(named name: String) -> Int? {
        tensors.firstIndex { $0.name == name }
    }

    /// The bytes that the vector takes as 32-bit floats.
    public var byteCount: Int { elementCount * MemoryLayout<Float>.stride }

    /// The layout of one of the tensors alone.
    public func single(_ index: Int) -> TensorLayout { TensorLayout(only: tensors[index]) }

    private init(only tensor: Tensor) {
        tensors = [tensor]
        offsets = [0]
        elementCount = tensor.shape.elementCount
    }

    private enum CodingKeys: String, CodingKey {
        case tensors
    }

    /// Decodes the list of tensors, refusing what ``init(_:)`` refuses.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(container.decode([Tensor].self, forKey: .tensors))
    }

    /// Encodes the list of tensors.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(tensors, forKey: .tensors)
    }
}
