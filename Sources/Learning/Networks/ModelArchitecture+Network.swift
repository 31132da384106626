// SPDX-License-Identifier: Apache-2.0

extension ModelArchitecture {
    /// Whether the last layer multiplies learned features that are one vector a sample, without a place in an image.
    public var learnsFeatures: Bool {
        guard let plan else { return layers.count > 1 }
        let shape = plan.nodes[plan.nodes[plan.last].inputs[0]].shape
        return shape.height * shape.width == 1
    }

    /// A network of this model for one thread.
    ///
    /// - Parameters:
    ///   - convolution: the kernels of layered models; nil for the fastest.
    ///   - kernels: which the program has; on oneDNN dense models are networks of layers too.
    func makeNetwork(
        _ dense: DenseKernels,
        convolution: ConvolutionKernels? = nil,
        kernels: TrainingKernels = .own
    ) -> any TrainableNetwork {
        let isSeparate = kernels == .own || layers.isEmpty
        guard let plan = plan ?? (isSeparate ? nil : NetworkPlan(dense: layers)) else {
            return DenseNetwork(self, kernels: dense)
        }
        guard let convolution = convolution ?? ConvolutionKernels() else {
            preconditionFailure("the baseline kernels run on every machine")
        }
        return LayeredNetwork(self, plan, dense: dense, convolution: convolution, kernels: kernels)
    }

    /// Checks that samples hold only what the model can read: a text's characters lie in the vocabulary.
    ///
    /// - Throws: ``LearningError`` with code `shapeMismatch`.
    func checkFeatures(of samples: Samples) throws {
        guard let plan, case .recurrent(let spec) = plan.nodes[1].operation else { return }
        let limit = Float(spec.vocabulary)
        for offset in 0..<samples.count {
            let sample = Int(samples.index(at: offset))
            let range = (sample * inputCount)..<((sample + 1) * inputCount)
            let isText =
                switch samples.table.features {
                case .bytes(let values, let scale):
                    scale == 1 && values[range].allSatisfy { Int($0) < spec.vocabulary }
                case .floats(let values):
                    values[range].allSatisfy { $0 >= 0 && $0 < limit && $0 == $0.rounded() }
                }
            guard isText else {
                throw LearningError(
                    .shapeMismatch,
                    "sample \(sample) is no text of a vocabulary of \(spec.vocabulary) characters; use text: data "
                        + "or set model.settings.vocabulary"
                )
            }
        }
    }
}
