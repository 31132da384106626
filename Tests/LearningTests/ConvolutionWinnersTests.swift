// SPDX-License-Identifier: Apache-2.0

import CKernels
import Randomness
import Testing

/// The gradients of pooled convolutions from the windows' winners, against sums in double over all positions.
@Suite struct ConvolutionWinnersTests {
    typealias Case = ConvolutionTileTests.Case

    /// Of few outputs and of many; one, two and three blocks of inputs.
    static let cases = [
        Case(inputs: 16, outputs: 16, height: 4, width: 6), Case(inputs: 48, outputs: 9, height: 6, width: 4),
        Case(inputs: 32, outputs: 40, height: 8, width: 6), Case(inputs: 48, outputs: 17, height: 2, width: 10),
    ]

    /// A pooled convolution's way back for one image.
    private struct Way {
        let test: Case
        let x: [Float]
        /// [outputs][inputs][25].
        let weights: [Float]
        /// Of the pooled result.
        let dy: [Float]
        let y: [Float]
        let which: [UInt8]

        init(_ test: Case) {
            var generator = SeededGenerator(seed: Seed(UInt64(test.inputs * 100 + test.outputs)))
            self.test = test
            x = test.x(&generator)
            weights = test.weights(&generator)
            let count = test.height / 2 * (test.width / 2) * test.padded
            dy = (0..<count).map { $0 % test.padded < test.outputs ? Float(generator.normal()) : 0 }
            y = (0..<count).map { _ in Float(max(generator.normal(), 0)) }
            which = (0..<count).map { _ in UInt8(generator.below(4)) }
        }

        /// The gradient at an output before pooling.
        func gradient(_ row: Int, _ column: Int, _ output: Int) -> Double {
            let at = (row / 2 * (test.width / 2) + column / 2) * test.padded + output
            return Int(which[at]) == row % 2 * 2 + column % 2 && y[at] > 0 ? Double(dy[at]) : 0
        }

        /// Of all weights, in their own order, and of x with its border.
        var exact: (weights: [Float], x: [Double]) {
            var dw = [Double](repeating: 0, count: weights.count)
            var dx = [Double](repeating: 0, count: test.xCount)
            for row in 0..<test.height {
                for column in 0..<test.width {
                    for output in 0..<test.outputs {
                        let g = gradient(row, column, output)
                        guard g != 0 else { continue }
                        for input in 0..<test.inputs {
                            for t in 0..<25 {
                                let place = (row + t / 5) * test.row + (column + t % 5) * test.inputs + input
                                let weight = (output * test.inputs + input) * 25 + t
                                dw[weight] += g * Double(x[place])
                                dx[place] += g * Double(weights[weight])
                            }
                        }
                    }
                }
            }
            return (dw.map { Float($0) }, dx)
        }

        /// What the kernels give; of the weights in panels.
        func run(_ kernels: ckc_kernels, isPatch: Bool) -> (weights: [Float], x: [Float]) {
            var shape = test.shape
            let (pooledRow, windows) = (test.width / 2 * test.padded, test.height / 2 * (test.width / 2))
            (shape.y_row, shape.y_pixel) = (pooledRow, test.padded)
            let spreadCount = 25 * test.padded * test.inputs
            var (spread, gradient) = ([Float](repeating: 0, count: spreadCount), [Float]())
            ckc_spread(test.packed(weights), test.padded, test.inputs, 5, &spread)
            gradient = [Float](repeating: 0, count: spreadCount)
            var dx = [Float](repeating: 0, count: test.xCount)
            withWinners(windows) { winners in
                var winners = winners
                let (row, pixel) = (pooledRow, test.padded)
                kernels.find_place_winners(&shape, dy, row, pixel, y, row, pixel, which, 2, 1, &winners)
                ckc_output_winners(&shape, 2, &winners)
                if isPatch {
                    let rectified = zip(dy, y).map { $1 > 0 ? $0 : 0 }
                    kernels.patch_weight_gradient(&shape, x, rectified, which, 2, &gradient)
                    kernels.patch_input_gradient(&shape, spread, &winners, 2, &dx)
                } else {
                    kernels.sparse_weight_gradient(&shape, x, &winners, windows, &gradient)
                    kernels.sparse_input_gradient(&shape, spread, &winners, 2, &dx)
                }
            }
            var panels = [Float](repeating: 0, count: test.weightCount)
            ckc_gather_spread(gradient, test.padded, test.inputs, 5, &panels)
            return (panels, dx)
        }

        private func withWinners(_ windows: Int, _ body: (ckc_winners) -> Void) {
            let entries = windows * test.padded
            var offsets = [UInt32](repeating: 0, count: entries + 1)
            var values = [Float](repeating: 0, count: entries + 1)
            var counts = [UInt32](repeating: 0, count: test.padded)
            var outputs = [UInt32](repeating: 0, count: 4 * entries + 16)
            var placeValues = [Float](repeating: 0, count: 4 * entries + 16)
            var placeCounts = [UInt32](repeating: 0, count: 4 * windows)
            offsets.withUnsafeMutableBufferPointer { offsets in
                values.withUnsafeMutableBufferPointer { values in
                    counts.withUnsafeMutableBufferPointer { counts in
                        outputs.withUnsafeMutableBufferPointer { outputs in
                            placeValues.withUnsafeMutableBufferPointer { placeValues in
                                placeCounts.withUnsafeMutableBufferPointer { placeCounts in
                                    body(
                                        ckc_winners(
                                            output_offset: offsets.baseAddress,
                                            output_value: values.baseAddress,
                                            output_count: counts.baseAddress,
                                            place_output: outputs.baseAddress,
                                            place_value: placeValues.baseAddress,
                                            place_count: placeCounts.baseAddress
                                        )
                                    )
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: cases, [0, 1, 2] as [Int32])
    func gradientsAreThoseOfAllPositions(_ test: Case, level: Int32) throws {
        guard let kernels = ckc_kernels_for(level)?.pointee else { return }
        let way = Way(test)
        let exact = way.exact
        let expected = test.packed(exact.weights)
        for isPatch in [false, true] where !isPatch || test.padded <= Int(CKC_PATCH_OUTPUTS) {
            let (weights, x) = way.run(kernels, isPatch: isPatch)
            #expect(weights.indices.allSatisfy { abs(weights[$0] - expected[$0]) < 1e-4 }, "weights, \(isPatch)")
            #expect(x.indices.allSatisfy { abs(Double(x[$0]) - exact.x[$0]) < 1e-4 }, "inputs, \(isPatch)")
        }
    }

    @Test(arguments: cases) func bothVectorLengthsGiveTheSameBits(_ test: Case) throws {
        guard let wide = ckc_kernels_for(2)?.pointee, let narrow = ckc_kernels_for(1)?.pointee else { return }
        let way = Way(test)
        let (first, second) = (way.run(wide, isPatch: false), way.run(narrow, isPatch: false))
        #expect(first.weights.map(\.bitPattern) == second.weights.map(\.bitPattern))
        #expect(first.x.map(\.bitPattern) == second.x.map(\.bitPattern))
    }
}
