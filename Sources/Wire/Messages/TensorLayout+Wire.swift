// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import ModelState
internal import Rounds

extension TensorLayout {
    init(reading layout: UnsafeMutablePointer<Tributary__V1__TensorLayout>?) throws(WireError) {
        let message = try FieldReader.required(layout, "layout").pointee
        let tensors = try FieldReader.list(
            message.tensors,
            count: message.n_tensors,
            "layout.tensors",
            limit: Self.maximumTensorCount
        ) { tensor throws(WireError) in try Tensor(reading: tensor.pointee) }
        do {
            try self.init(tensors)
        } catch {
            throw WireError(.invalidField, "layout: \(error)")
        }
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__TensorLayout> {
        let message = try writer.make(tributary__v1__tensor_layout__init)
        message.pointee.tensors = try writer.list(tensors, "layout.tensors", limit: Self.maximumTensorCount) {
            tensor throws(WireError) in try tensor.write(writer)
        }
        message.pointee.n_tensors = tensors.count
        return message
    }
}

extension TensorLayout.Tensor {
    init(reading message: Tributary__V1__Tensor) throws(WireError) {
        let dimensions = try FieldReader.sizes(
            message.dimensions,
            count: message.n_dimensions,
            "tensor.dimensions",
            limit: Int.max,
            countLimit: TensorShape.maximumRank
        )
        guard let shape = TensorShape(untrusted: dimensions) else {
            throw WireError(.invalidField, "tensor.dimensions is no shape: the product of the extents is too large")
        }
        self.init(
            name: try FieldReader.text(message.name, "tensor.name", limit: TensorLayout.maximumNameBytes),
            shape: shape,
            role: try TensorLayout.Role(reading: message.role)
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__Tensor> {
        let message = try writer.make(tributary__v1__tensor__init)
        message.pointee.name = try writer.text(name, "tensor.name", limit: TensorLayout.maximumNameBytes)
        message.pointee.dimensions = try writer.sizes(
            shape.dimensions,
            "tensor.dimensions",
            limit: Int.max,
            countLimit: TensorShape.maximumRank
        )
        message.pointee.n_dimensions = shape.dimensions.count
        message.pointee.role = role.wireValue
        return message
    }
}

extension TensorLayout.Role {
    init(reading role: Tributary__V1__TensorRole) throws(WireError) {
        switch role {
        case TRIBUTARY__V1__TENSOR_ROLE__TENSOR_ROLE_PARAMETER: self = .parameter
        case TRIBUTARY__V1__TENSOR_ROLE__TENSOR_ROLE_BUFFER: self = .buffer
        case TRIBUTARY__V1__TENSOR_ROLE__TENSOR_ROLE_NORMALIZATION: self = .normalization
        default: throw WireError(.invalidField, "tensor.role is \(role.rawValue), which is no role")
        }
    }

    var wireValue: Tributary__V1__TensorRole {
        switch self {
        case .parameter: TRIBUTARY__V1__TENSOR_ROLE__TENSOR_ROLE_PARAMETER
        case .buffer: TRIBUTARY__V1__TENSOR_ROLE__TENSOR_ROLE_BUFFER
        case .normalization: TRIBUTARY__V1__TENSOR_ROLE__TENSOR_ROLE_NORMALIZATION
        }
    }
}
