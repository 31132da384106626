// SPDX-License-Identifier: Apache-2.0

extension ModelArchitecture {
    /// The floating-point operations of the matrix products of training on one sample once: a multiplication and an
    /// addition count two, zeros count like other numbers, and the inputs have no gradient.
    public var trainingFlopsPerSample: Double {
        guard let plan else { return TrainingArithmetic(self).trainingFlopsPerSample }
        return plan.nodes.reduce(0) { $0 + plan.multiplyAdds(of: $1) * 2 * ($1.inputs.contains(0) ? 2 : 3) }
    }
}

extension ModelArchitecture {
    /// Whether the products of a step run one by one, as ``ProductProbe`` needs it.
    public var hasSeparateProducts: Bool { !layers.isEmpty }
    /// Whether it is made of layers that run one by one, as ``LayerProbe`` needs it.
    public var isLayered: Bool { plan != nil }
}

extension NetworkPlan {
    /// The multiplications and additions with which a node's product gives its output for one sample.
    func multiplyAdds(of node: Node) -> Double {
        let inputs = node.inputs.first.map { nodes[$0].shape }
        switch node.operation {
        case .convolution(let convolution):
            let pixels = node.shape.height * node.shape.width * convolution.pool * convolution.pool
            let window = (inputs?.channels ?? 0) * convolution.kernel * convolution.kernel
            return Double(convolution.outputs * window) * Double(pixels)
        case .dense(let outputs, _):
            return Double(outputs) * Double(inputs?.count ?? 0)
        case .recurrent(let recurrent):
            let gates = 3 * recurrent.hidden * (recurrent.embedding + recurrent.hidden)
            return Double(gates) * Double(recurrent.length)
        case .input, .batchNorm, .maxPool, .averagePool, .dropout:
            return 0
        }
    }
}
