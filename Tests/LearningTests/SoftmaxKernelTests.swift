// SPDX-License-Identifier: Apache-2.0

import CKernels
import Glibc
import Randomness
import Testing

@Suite struct SoftmaxKernelTests {
    /// Probabilities, gradient and loss in double precision.
    private func check(classes: Int, stride: Int, rows: Int, scale: Double) {
        var generator = SeededGenerator(seed: Seed(UInt64(classes * 100 + rows)))
        let logits = (0..<(rows * stride)).map { _ in Float(scale * generator.normal()) }
        let labels = (0..<rows).map { _ in Int32(generator.below(classes)) }
        var probabilities = [Float](repeating: 0, count: (rows + 1) * stride)
        var gradient = probabilities
        // The row of padding after the last has to become zero.
        for column in 0..<classes { gradient[rows * stride + column] = 9 }
        let loss = ckt_softmax_cross_entropy(
            logits,
            &probabilities,
            &gradient,
            stride,
            rows,
            rows + 1,
            classes,
            labels,
            1 / Float(rows)
        )
        var expectedLoss = 0.0
        for row in 0..<rows {
            let z = (0..<classes).map { Double(logits[row * stride + $0]) }
            let largest = z.max() ?? 0
            let sum = z.map { exp($0 - largest) }.reduce(0, +)
            expectedLoss += log(sum) + largest - z[Int(labels[row])]
            for column in 0..<stride {
                let at = row * stride + column
                guard column < classes else {
                    #expect(probabilities[at] == 0 && gradient[at] == 0, "padding of \(classes) classes")
                    continue
                }
                let p = exp(z[column] - largest) / sum
                let g = (p - (column == Int(labels[row]) ? 1 : 0)) / Double(rows)
                #expect(abs(Double(probabilities[at]) - p) < 1e-6)
                #expect(abs(Double(gradient[at]) - g) < 1e-6)
            }
        }
        #expect(abs(loss - expectedLoss) < 1e-5 * max(1, expectedLoss))
        #expect(gradient[(rows * stride)..<(rows * stride + classes)].allSatisfy { $0 == 0 })
    }

    @Test func softmaxMatchesDoublePrecision() {
        for (classes, stride) in [(2, 16), (10, 16), (16, 16), (17, 32), (40, 48), (3, 3), (20, 21)] {
            for rows in [1, 5, 66] { check(classes: classes, stride: stride, rows: rows, scale: 3) }
        }
    }

    @Test func largeLogitsDoNotOverflow() {
        for (classes, stride) in [(10, 16), (33, 48)] { check(classes: classes, stride: stride, rows: 4, scale: 300) }
    }

    @Test func aLogitThatIsNotANumberReachesTheLoss() {
        for (classes, stride) in [(10, 16), (20, 32)] {
            var logits = [Float](repeating: 0.5, count: 2 * stride)
            logits[stride + 4] = .nan
            var probabilities = [Float](repeating: 0, count: 2 * stride)
            var gradient = probabilities
            let loss = ckt_softmax_cross_entropy(
                logits,
                &probabilities,
                &gradient,
                stride,
                2,
                2,
                classes,
                [1, 2],
                0.5
            )
            #expect(loss.isNaN)
        }
    }
}
