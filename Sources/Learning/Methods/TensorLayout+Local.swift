// SPDX-License-Identifier: Apache-2.0

internal import ModelState

extension TensorLayout {
    /// The positions of the tensors that stay on the client under FedBN: scales and shifts of normalisation layers and
    /// running statistics, told by their role and never by their name.
    var localTensors: [Int] { tensors.indices.filter { tensors[$0].role != .parameter } }

    /// The positions of the tensors that no gradient moves.
    var untrainedTensors: [Int] { tensors.indices.filter { tensors[$0].role == .buffer } }

    /// The number of elements of the given tensors together.
    func elementCount(of tensors: [Int]) -> Int { tensors.reduce(0) { $0 + range(of: $1).count } }
}

extension ParameterVector {
    /// The elements of some tensors, one after the other.
    func gathering(_ tensors: [Int], of layout: TensorLayout) -> ParameterVector {
        var gathered = ParameterVector(zeros: layout.elementCount(of: tensors))
        withElements { source in
            gathered.withMutableElements { target in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                var position = 0
                for range in tensors.map(layout.range) {
                    (to + position).update(from: from + range.lowerBound, count: range.count)
                    position += range.count
                }
            }
        }
        return gathered
    }

    /// Replaces the elements of some tensors by what ``gathering(_:of:)`` gave.
    mutating func scatter(_ gathered: ParameterVector, to tensors: [Int], of layout: TensorLayout) {
        precondition(gathered.count == layout.elementCount(of: tensors), "as many elements as the tensors have")
        gathered.withElements { source in
            withMutableElements { target in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                var position = 0
                for range in tensors.map(layout.range) {
                    (to + range.lowerBound).update(from: from + position, count: range.count)
                    position += range.count
                }
            }
        }
    }

    /// Sets the elements of some tensors to zero.
    mutating func clear(_ tensors: [Int], of layout: TensorLayout) {
        guard !tensors.isEmpty else { return }
        withMutableElements { elements in
            for range in tensors.map(layout.range) { elements[range].update(repeating: 0) }
        }
    }
}
