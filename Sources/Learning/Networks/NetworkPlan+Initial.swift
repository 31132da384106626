// SPDX-License-Identifier: Apache-2.0

internal import ModelState
internal import Randomness

extension NetworkPlan {
    /// Draws the tensors' initial values, each from its own stream.
    func initialParameters(layout: TensorLayout, seed: Seed) -> ParameterVector {
        var parameters = ParameterVector(zeros: layout.elementCount)
        parameters.withMutableElements { elements in
            for (index, tensor) in tensors.enumerated() {
                var generator = SeededGenerator(seed: seed.deriving("initialize", tensor.name))
                for element in layout.range(of: index) {
                    switch tensor.initial {
                    case .uniform(let bound): elements[element] = bound * (2 * generator.uniformFloat() - 1)
                    case .normal: elements[element] = Float(generator.normal())
                    case .constant(let value): elements[element] = value
                    }
                }
            }
        }
        return parameters
    }
}
