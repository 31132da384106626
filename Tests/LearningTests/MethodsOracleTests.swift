// SPDX-License-Identifier: Apache-2.0

import Foundation
import Randomness
import Rounds
import Testing

@testable import Learning
@testable import ModelState

/// Rounds with client-side methods against float64 NumPy (Oracles/methods_oracle.py, which says what it computes).
@Suite struct MethodsOracleTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        var settings: [String: Double]
        var labels: [Int32] = [0, 2, 1, 2]
        var momentum = 0.0
        var decay = 0.0
        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "margin-frobenius", settings: ["margin_lambda": 0.3]),
        Case(name: "margin-per-sample", settings: ["margin_lambda": 0.3, "margin_form": 1]),
        Case(name: "margin-logits", settings: ["margin_lambda": 0.3, "margin_form": 2]),
        Case(name: "calibration", settings: ["calibration_tau": 0.7]),
        Case(
            name: "calibration-lacking-margin",
            settings: ["calibration_tau": 0.7, "margin_lambda": 0.3],
            labels: [0, 2, 0, 2]
        ),
        Case(name: "sam", settings: ["sam_rho": 0.2]),
        Case(
            name: "sam-proximal-momentum",
            settings: ["sam_rho": 0.2, "proximal_mu": 0.5],
            momentum: 0.9,
            decay: 0.01
        ),
        Case(name: "moon", settings: ["moon_mu": 2]),
        Case(
            name: "moon-sam-momentum",
            settings: ["moon_mu": 2, "moon_temperature": 0.4, "sam_rho": 0.1],
            momentum: 0.5
        ),
        Case(name: "scaffold", settings: ["scaffold": 1]),
        Case(
            name: "scaffold-margin-proximal",
            settings: ["scaffold": 1, "margin_lambda": 0.3, "proximal_mu": 0.5]
        ),
        Case(name: "scaffold-momentum-decay", settings: ["scaffold": 1], momentum: 0.9, decay: 0.01),
        Case(name: "dynamic", settings: ["dynamic_alpha": 0.4]),
        Case(
            name: "dynamic-sam-margin",
            settings: ["dynamic_alpha": 0.4, "sam_rho": 0.1, "margin_lambda": 0.3],
            momentum: 0.5,
            decay: 0.01
        ),
        Case(name: "ditto", settings: ["personal_lambda": 0.8]),
        Case(
            name: "ditto-scaffold-margin",
            settings: ["personal_lambda": 0.8, "personal_epochs": 5, "scaffold": 1, "margin_lambda": 0.3],
            momentum: 0.5
        ),
    ]

    /// The oracle's values by case and key.
    static let golden: [String: [String: [Double]]] = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Oracles/methods_oracle.txt").path
        var golden: [String: [String: [Double]]] = [:]
        for line in ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            golden[String(words[0]), default: [:]][String(words[1])] = words.dropFirst(2).compactMap { Double($0) }
        }
        return golden
    }()

    static let features = (0..<20).map { (position: Int) -> Float in
        let (row, column) = position.quotientAndRemainder(dividingBy: 5)
        return Float((3 * row + 7 * column) % 11) / 8 - 0.5
    }

    private func vector(_ element: (Int) -> Double) -> ParameterVector {
        ParameterVector((0..<39).map { Float(element($0)) })
    }

    @Test(arguments: cases, [0, 1, 2] as [Int32]) func threeRoundsMatchNumPy(_ test: Case, level: Int32) throws {
        guard let kernels = DenseKernels(level: level) else { return }
        let model = try ModelArchitecture(ModelSpecification(input: [5], classes: 3, hidden: [4]))
        let trainer = LocalTrainer(model: model, kernels: kernels)
        let samples = Samples(
            SampleTable(floats: Self.features, shape: [5], labels: test.labels)
        )
        let specification = TrainingSpecification(
            localEpochs: 3,
            batchSize: 4,
            learningRate: 0.25,
            momentum: test.momentum,
            weightDecay: test.decay,
            settings: test.settings
        )
        var global = vector { Double((5 * $0) % 13) / 16 - 0.375 }
        var state = ClientState()
        var last: ClientRound?
        for round in 0..<3 {
            let control = vector { Double((3 * $0 + round) % 7 - 3) / 50 }
            let result = try ClientRound.train(
                trainer,
                from: global,
                control: test.settings["scaffold"] == 1 ? control : nil,
                samples: samples,
                specification,
                state: &state,
                seed: Seed(UInt64(round))
            )
            global.add(result.delta, scale: 0.5)
            global.add(vector { Double((7 * $0 + 3 * round) % 5 - 2) / 100 })
            last = result
        }
        let result = try #require(last)
        var found = state.vectors
        found["delta"] = result.delta
        found["controlDelta"] = result.controlDelta
        var expected = try #require(Self.golden[test.name])
        let expectedLoss = try #require(expected["loss"])
        expected["loss"] = nil
        let loss = try #require(result.outcome.meanLoss)
        #expect(abs(loss - expectedLoss[0]) < 2e-6)
        #expect(Set(found.keys) == Set(expected.keys))
        for (key, values) in expected {
            let elements = try #require(found[key]).elements
            try #require(elements.count == values.count)
            let worst = zip(elements, values).map { abs(Double($0) - $1) }.max() ?? .infinity
            #expect(worst < 5e-6, "\(key): \(worst)")
        }
    }
}
