// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

/// Steps of the trainer against float64 NumPy (Oracles/training_oracle.py, whose output stands below).
@Suite struct TrainingOracleTests {
    struct Golden {
        let meanLoss: Double
        let delta: [Float]
    }

    static let samples: Samples = {
        let features = (0..<20).map { (position: Int) -> Float in
            let (row, column) = position.quotientAndRemainder(dividingBy: 5)
            return Float((3 * row + 7 * column) % 11) / 8 - 0.5
        }
        return Samples(SampleTable(floats: features, shape: [5], labels: [0, 2, 1, 2]))
    }()

    static let start = ParameterVector((0..<39).map { (index: Int) -> Float in Float((5 * index) % 13) / 16 - 0.375 })

    private func compare(_ golden: Golden, _ training: TrainingSpecification, sourceLocation: SourceLocation) throws {
        let model = try ModelArchitecture(ModelSpecification(input: [5], classes: 3, hidden: [4]))
        for level: Int32 in 0...2 {
            guard let kernels = DenseKernels(level: level) else { continue }
            let trainer = LocalTrainer(model: model, kernels: kernels)
            let (delta, outcome) = try trainer.train(
                parameters: Self.start,
                samples: Self.samples,
                specification: training,
                seed: Seed(1)
            )
            #expect(outcome.steps == 3, sourceLocation: sourceLocation)
            let loss = try #require(outcome.meanLoss)
            #expect(abs(loss - golden.meanLoss) < 1e-6, sourceLocation: sourceLocation)
            for (element, expected) in zip(delta.elements, golden.delta) {
                #expect(abs(element - expected) < 2e-6, "level \(level)", sourceLocation: sourceLocation)
            }
        }
    }

    @Test func plainStepsMatchNumPy() throws {
        try compare(
            Self.plain,
            TrainingSpecification(localEpochs: 3, batchSize: 4, learningRate: 0.25),
            sourceLocation: #_sourceLocation
        )
    }

    @Test func momentumAndWeightDecayMatchNumPy() throws {
        try compare(
            Self.momentum,
            TrainingSpecification(localEpochs: 3, batchSize: 4, learningRate: 0.25, momentum: 0.9, weightDecay: 0.01),
            sourceLocation: #_sourceLocation
        )
    }

    @Test func proximalStepsMatchNumPy() throws {
        try compare(
            Self.proximal,
            TrainingSpecification(localEpochs: 3, batchSize: 4, learningRate: 0.25, settings: ["proximal_mu": 0.5]),
            sourceLocation: #_sourceLocation
        )
    }

    static let plain = Golden(
        meanLoss: 1.0552111985031198,
        delta: [
            0.028737678142, -0.033520949399, 0.032059174927, -0.011791794449,
            -0.034628114994, 0.000000000000, 0.000000000000, 0.000000000000,
            0.000000000000, 0.000000000000, 0.013077212411, -0.013077212411,
            0.032693031027, 0.006538606205, -0.019615818616, 0.018415337760,
            -0.026071788098, 0.041979008080, -0.023355943312, -0.026977069694,
            0.008857324760, 0.000000000000, 0.052308849642, 0.007242252763,
            -0.022921874402, 0.000000000000, -0.013187805010, -0.040072925939,
            0.004034251823, 0.000000000000, 0.026034200108, 0.023148441308,
            0.018887622579, 0.000000000000, -0.012846395097, 0.016924484630,
            -0.085189717037, -0.034699838660, 0.119889555697,
        ]
    )
    static let momentum = Golden(
        meanLoss: 1.0502694519346094,
        delta: [
            0.058679992625, -0.061741592518, 0.056109796948, -0.018133976527,
            -0.065549865835, -0.005248130859, 0.001749376953, -0.002624065430,
            0.004373442383, 0.000000000000, 0.019911822608, -0.021661199561,
            0.058963785525, 0.017390763355, -0.035553209010, 0.030258021660,
            -0.044822521384, 0.077185645996, -0.048526447804, -0.048252884453,
            0.013847105475, 0.004373442383, 0.097141059964, 0.009074446539,
            -0.039977202395, -0.001749376953, -0.018923251652, -0.074167032464,
            0.003029341870, 0.003498753906, 0.046691449490, 0.037092847869,
            0.037822549002, -0.002624065430, -0.019021313072, 0.032700742212,
            -0.165910560410, -0.062265160535, 0.224676967039,
        ]
    )
    static let proximal = Golden(
        meanLoss: 1.05595542193463,
        delta: [
            0.025308027968, -0.029481554590, 0.028232213137, -0.010424125780,
            -0.030456282980, 0.000000000000, 0.000000000000, 0.000000000000,
            0.000000000000, 0.000000000000, 0.011520871409, -0.011520871409,
            0.028802178523, 0.005760435705, -0.017281307114, 0.016283769165,
            -0.022981190983, 0.036967091731, -0.020589047715, -0.023778572072,
            0.007797827118, 0.000000000000, 0.046083485636, 0.006379048715,
            -0.020188503286, 0.000000000000, -0.011659004737, -0.035220406392,
            0.003687362208, 0.000000000000, 0.023043134461, 0.020488407355,
            0.016501141078, 0.000000000000, -0.011384129724, 0.014731999037,
            -0.074634485016, -0.030510541824, 0.105145026840,
        ]
    )
}
