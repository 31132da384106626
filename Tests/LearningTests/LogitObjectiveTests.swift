// SPDX-License-Identifier: Apache-2.0

import Glibc
import Randomness
import Testing

@testable import Learning
@testable import ModelState

/// The objectives on logits: golden values of the released code, and gradients against central differences of losses
/// written once more in double precision.
@Suite struct LogitObjectiveTests {
    /// Rows of logits in memory of their own.
    final class Batch {
        let arena = FloatArena(capacity: 4096)
        let batch: LogitBatch
        private let labels: UnsafeMutablePointer<Int32>

        init(_ logits: [[Double]], labels values: [Int32]) {
            let rows = logits.count
            let padded = DenseKernels.paddedRows(rows)
            let stride = DenseKernels.padded(logits[0].count)
            labels = .allocate(capacity: rows)
            labels.initialize(from: values, count: rows)
            batch = LogitBatch(
                rowCount: rows,
                paddedRowCount: padded,
                classCount: logits[0].count,
                stride: stride,
                labels: labels,
                logits: arena.take(padded * stride),
                probabilities: arena.take(padded * stride),
                gradient: arena.take(padded * stride)
            )
            for (row, values) in logits.enumerated() {
                for (column, value) in values.enumerated() { batch.logits[row * stride + column] = Float(value) }
            }
        }

        deinit { labels.deallocate() }

        func gradient(_ row: Int, _ column: Int) -> Double { Double(batch.gradient[row * batch.stride + column]) }

        var hasFinitePadding: Bool {
            (0..<(batch.paddedRowCount * batch.stride)).allSatisfy { batch.gradient[$0].isFinite }
        }
    }

    /// B times the loss, in double.
    private func loss(
        _ logits: [[Double]],
        _ labels: [Int32],
        lambda: Double = 0,
        form: MarginObjective.Form = .frobenius,
        offsets: [Double]? = nil
    ) -> Double {
        var entropy = 0.0
        var squares: [Double] = []
        var sizes: [Double] = []
        for (row, label) in zip(logits, labels) {
            let z = zip(row, offsets ?? row.map { _ in 0 }).map { $0 - $1 }
            let largest = z.max() ?? 0
            let sum = z.reduce(0) { $0 + exp($1 - largest) }
            entropy += log(sum) + largest - z[Int(label)]
            squares.append(z.reduce(0) { $0 + pow(exp($1 - largest) / sum, 2) })
            sizes.append(z.reduce(0) { $0 + $1 * $1 })
        }
        let count = Double(logits.count)
        let penalty =
            switch form {
            case .frobenius: log(1 + squares.reduce(0, +))
            case .perSample: squares.reduce(0) { $0 + log(1 + $1) } / count
            case .logits: sizes.reduce(0) { $0 + log(1 + $1) } / count
            }
        return entropy + count * lambda * penalty
    }

    private func checkGradient(
        _ objective: any LocalObjective,
        _ logits: [[Double]],
        _ labels: [Int32],
        loss: ([[Double]]) -> Double
    ) {
        let fixture = Batch(logits, labels: labels)
        let value = objective.lossAndGradient(fixture.batch)
        #expect(abs(value - loss(logits)) < 1e-5 * max(1, abs(value)))
        #expect(fixture.hasFinitePadding)
        for row in logits.indices {
            for column in logits[row].indices {
                var (up, down) = (logits, logits)
                up[row][column] += 1e-5
                down[row][column] -= 1e-5
                let slope = (loss(up) - loss(down)) / 2e-5 / Double(logits.count)
                #expect(abs(slope - fixture.gradient(row, column)) < 2e-6, "row \(row), class \(column)")
            }
        }
    }

    private func randomLogits(rows: Int, classes: Int, spread: Double, seed: UInt64) -> ([[Double]], [Int32]) {
        var generator = SeededGenerator(seed: Seed(seed))
        // Floats, so that both sides see the same numbers.
        let logits = (0..<rows).map { _ in
            (0..<classes).map { _ in Double(Float(spread * generator.normal())) }
        }
        return (logits, (0..<rows).map { _ in Int32(generator.below(classes)) })
    }

    @Test(arguments: MarginObjective.Form.allCases)
    func marginGradientsMatchFiniteDifferences(_ form: MarginObjective.Form) {
        for (number, (rows, classes, spread)) in [(1, 2, 1.0), (5, 3, 2.0), (7, 17, 0.5), (4, 4, 8.0)].enumerated() {
            let (logits, labels) = randomLogits(rows: rows, classes: classes, spread: spread, seed: UInt64(number))
            checkGradient(MarginObjective(lambda: 0.25, form: form), logits, labels) {
                loss($0, labels, lambda: 0.25, form: form)
            }
        }
    }

    @Test func calibratedGradientsMatchFiniteDifferences() {
        let (logits, labels) = randomLogits(rows: 6, classes: 4, spread: 1.5, seed: 11)
        let counts = [1, 0, 16, 81]
        // A class without samples counts as 1e-8 of one.
        let offsets = [0.5, 0.5 * 100, 0.5 / 2, 0.5 / 3]
        let present = labels.map { $0 == 1 ? Int32(0) : $0 }
        checkGradient(CalibratedObjective(tau: 0.5, labelCounts: counts), logits, present) {
            loss($0, present, offsets: offsets)
        }
        let margin = MarginObjective(lambda: 0.25, form: .perSample)
        checkGradient(CalibratedObjective(tau: 0.5, labelCounts: counts, base: margin), logits, present) {
            loss($0, present, lambda: 0.25, form: .perSample, offsets: offsets)
        }
    }

    @Test func marginsHaveTheReleasedCodesValues() {
        let logits = [[2.0, 0, -1], [0.5, 0.5, 0]]
        for (form, penalty) in [
            (MarginObjective.Form.frobenius, 0.7301153218), (.perSample, 0.4226392221), (.logits, 1.0986122887),
        ] {
            let fixture = Batch(logits, labels: [0, 2])
            let value = MarginObjective(lambda: 1, form: form).lossAndGradient(fixture.batch)
            #expect(abs(value / 2 - 0.8139330538 - penalty) < 1e-6)
        }
    }

    @Test func classesThatAClientLacksAreMasked() {
        let fixture = Batch([[0, 9, 0], [1, 5, 1]], labels: [0, 2])
        _ = CalibratedObjective(tau: 1, labelCounts: [1, 0, 1]).lossAndGradient(fixture.batch)
        for row in 0..<2 {
            #expect(fixture.batch.probabilities[row * fixture.batch.stride + 1] < 1e-30)
            #expect(abs(fixture.gradient(row, 1)) < 1e-30)
        }
    }

    @Test func extremeLogitsGiveNoNaN() {
        for form in MarginObjective.Form.allCases {
            for logits in [[[0.0, 0], [0, 0]], [[1e4, -1e4], [-1e4, 1e4]], [[88, 0], [-200, 200]]] {
                let fixture = Batch(logits, labels: [0, 1])
                let value = MarginObjective(lambda: 3, form: form).lossAndGradient(fixture.batch)
                #expect(value.isFinite && fixture.hasFinitePadding)
            }
        }
    }
}
