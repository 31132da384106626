// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

/// Which kernels a program has, and what it says of those that it lacks.
struct TrainingKernelsTests {
    private func model(_ kind: String, hidden: [Int] = []) throws -> ModelArchitecture {
        try ModelArchitecture(ModelSpecification(kind: kind, input: [28, 28], classes: 10, hidden: hidden))
    }

    @Test func ownKernelsAreInEveryProgram() throws {
        #expect(TrainingKernels.own.isBuiltIn)
        try TrainingKernels.own.check()
    }

    @Test(.enabled(if: !TrainingKernels.onednn.isBuiltIn, "SKIPPED: this build has oneDNN"))
    func whatWasNotBuiltInIsRefusedByAnErrorThatNamesTheBuild() throws {
        let (mlp, cnn) = (try model("mlp", hidden: [5]), try model("cnn"))
        let error = try #require(throws: LearningError.self) { try LocalTrainer(model: mlp, on: .onednn) }
        #expect(error.code == .unknownTrainer)
        #expect(error.message.contains("TRIBUTARY_DNNL=1") && error.message.contains("libdnnl-dev"))
        #expect(!error.message.contains("\n"))
        #expect(throws: LearningError.self) {
            try LayerProbe(
                model: cnn,
                parameters: cnn.initialParameters(seed: Seed(1)),
                samples: Samples(TrainingArithmeticTests.images),
                on: .onednn
            )
        }
    }

    /// As layers, dense models keep the tensors that they have without.
    @Test(arguments: [[], [5], [200, 7, 33]]) func denseModelsAsLayersHaveTheSameTensors(_ hidden: [Int]) throws {
        let model = try model(hidden.isEmpty ? "softmax" : "mlp", hidden: hidden)
        let plan = NetworkPlan(dense: model.layers)
        #expect(plan.tensors.map(\.name) == model.layout.tensors.map(\.name))
        #expect(plan.tensors.map(\.shape) == model.layout.tensors.map(\.shape))
        #expect(plan.nodes.dropFirst().map(\.firstTensor) == (0...hidden.count).map { 2 * $0 })
        let rectified = plan.nodes.map { if case .dense(_, true) = $0.operation { true } else { false } }
        #expect(rectified == [false] + hidden.map { _ in true } + [false])
    }

    @Test func aNetworkOfOneLayerHasNoFeaturesOfItsOwn() throws {
        let kernels = try #require(NetworkOracleTests.kernels(0))
        let (softmax, mlp) = (try model("softmax"), try model("mlp", hidden: [5]))
        func network(_ model: ModelArchitecture) -> LayeredNetwork {
            LayeredNetwork(model, NetworkPlan(dense: model.layers), dense: kernels.0, convolution: kernels.1)
        }
        #expect(!network(softmax).hasFeatures && network(mlp).hasFeatures)
    }
}
