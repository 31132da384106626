// SPDX-License-Identifier: Apache-2.0

import CKernels
import Randomness
import Testing

/// Convolutions in tiles (Winograd's way) and the weights' gradient by runs, against sums in double.
@Suite struct ConvolutionTileTests {
    /// One image whose border of zeros is as wide as the kernel reaches.
    struct Case: Sendable, CustomTestStringConvertible {
        let inputs: Int
        let outputs: Int
        let height: Int
        let width: Int
        var testDescription: String { "\(inputs) to \(outputs) channels, \(height) x \(width)" }

        var padded: Int { (outputs + 15) / 16 * 16 }
        var row: Int { (width + 4) * inputs }
        var xCount: Int { (height + 4) * row }
        var weightCount: Int { 25 * inputs * padded }

        var shape: ckc_shape {
            ckc_shape(
                kernel_height: 5,
                kernel_width: 5,
                stride: 1,
                inputs: inputs,
                outputs: padded,
                used_outputs: outputs,
                height: height,
                width: width,
                x_row: row,
                x_pixel: inputs,
                y_row: width * padded,
                y_pixel: padded
            )
        }

        func x(_ generator: inout SeededGenerator) -> [Float] {
            var x = [Float](repeating: 0, count: xCount)
            for y in 2..<(height + 2) {
                for at in (2 * inputs)..<((width + 2) * inputs) { x[y * row + at] = Float(generator.normal()) }
            }
            return x
        }

        /// [outputs][inputs][25].
        func weights(_ generator: inout SeededGenerator) -> [Float] {
            (0..<(outputs * inputs * 25)).map { _ in Float(0.1 * generator.normal()) }
        }

        func packed(_ weights: [Float]) -> [Float] {
            var packed = [Float](repeating: 0, count: weightCount)
            ckc_pack(weights, outputs, inputs, 25, &packed)
            return packed
        }

        /// The output at a position, in double.
        func output(_ x: [Float], _ weights: [Float], _ bias: Float, _ o: Int, _ y: Int, _ column: Int) -> Double {
            var sum = Double(bias)
            for i in 0..<inputs {
                for t in 0..<25 {
                    let value = x[(y + t / 5) * row + (column + t % 5) * inputs + i]
                    sum += Double(value) * Double(weights[(o * inputs + i) * 25 + t])
                }
            }
            return sum
        }
    }

    /// More tiles than are transformed together, fewer, and one.
    static let cases = [
        Case(inputs: 32, outputs: 64, height: 14, width: 14), Case(inputs: 16, outputs: 20, height: 18, width: 16),
        Case(inputs: 48, outputs: 16, height: 2, width: 6), Case(inputs: 16, outputs: 33, height: 2, width: 2),
    ]

    private func tiled(
        _ kernels: ckc_kernels,
        _ test: Case,
        _ x: [Float],
        _ packed: [Float],
        _ bias: [Float]?,
        relu: Int32 = 0
    ) -> [Float] {
        var shape = test.shape
        let points = Int(CKC_WINOGRAD_POINTS)
        var transformed = [Float](repeating: .nan, count: points * test.inputs * test.padded)
        var scratch = [Float](
            repeating: .nan,
            count: points * Int(CKC_WINOGRAD_TILES) * (test.inputs + test.padded)
        )
        var y = [Float](repeating: .nan, count: test.height * test.width * test.padded)
        kernels.winograd_weights(&shape, packed, &transformed)
        kernels.winograd_forward(&shape, x, transformed, bias, &y, relu, &scratch)
        return y
    }

    @Test(arguments: cases, [0, 1, 2] as [Int32])
    func tilesGiveTheConvolution(_ test: Case, level: Int32) throws {
        guard let kernels = ckc_kernels_for(level)?.pointee else { return }
        var generator = SeededGenerator(seed: Seed(UInt64(test.inputs + test.height)))
        let (x, weights) = (test.x(&generator), test.weights(&generator))
        let bias = (0..<test.padded).map { _ in Float(generator.normal()) }
        let y = tiled(kernels, test, x, test.packed(weights), bias)
        let rectified = tiled(kernels, test, x, test.packed(weights), nil, relu: 1)
        var (largest, error) = (0.0, 0.0)
        for row in 0..<test.height {
            for column in 0..<test.width {
                for o in 0..<test.outputs {
                    let at = (row * test.width + column) * test.padded + o
                    let exact = test.output(x, weights, bias[o], o, row, column)
                    let bare = max(test.output(x, weights, 0, o, row, column), 0)
                    largest = max(largest, abs(exact))
                    error = max(error, abs(Double(y[at]) - exact), abs(Double(rectified[at]) - bare))
                }
            }
        }
        #expect(error < 2e-5 * largest, "\(error) of \(largest)")
    }

    @Test(arguments: cases) func bothVectorLengthsGiveTheSameBits(_ test: Case) throws {
        guard let wide = ckc_kernels_for(2)?.pointee, let narrow = ckc_kernels_for(1)?.pointee else { return }
        var generator = SeededGenerator(seed: Seed(5))
        let (x, packed) = (test.x(&generator), test.packed(test.weights(&generator)))
        let results = [wide, narrow].map { tiled($0, test, x, packed, nil).map(\.bitPattern) }
        #expect(results[0] == results[1])
    }

    @Test(arguments: [0, 1, 2] as [Int32])
    func whatIsNotFiniteReachesTheOutput(level: Int32) throws {
        guard let kernels = ckc_kernels_for(level)?.pointee else { return }
        let test = Self.cases[0]
        var generator = SeededGenerator(seed: Seed(7))
        var (x, packed) = (test.x(&generator), test.packed(test.weights(&generator)))
        x[5 * test.row + 5 * test.inputs] = Float.nan
        #expect(tiled(kernels, test, x, packed, nil, relu: 1).contains { $0.isNaN })
        x[5 * test.row + 5 * test.inputs] = 0
        packed[100] = Float.infinity
        #expect(tiled(kernels, test, x, packed, nil, relu: 1).contains { !$0.isFinite })
    }

    // MARK: Gradients by runs

    /// Runs of 5 and of 15 floats; one, two and more registers of outputs.
    static let runs = [
        Case(inputs: 1, outputs: 32, height: 12, width: 8), Case(inputs: 1, outputs: 6, height: 4, width: 4),
        Case(inputs: 3, outputs: 40, height: 6, width: 10),
    ]

    @Test(arguments: runs, [0, 1, 2] as [Int32])
    func theWeightsOfARunGetWhatTheWinnersSawAndNoMore(_ test: Case, level: Int32) throws {
        guard let kernels = ckc_kernels_for(level)?.pointee else { return }
        var generator = SeededGenerator(seed: Seed(UInt64(test.outputs)))
        let x = test.x(&generator)
        let (rows, columns) = (test.height / 2, test.width / 2)
        let dy = (0..<(rows * columns * test.padded)).map { at in
            at % test.padded < test.outputs && generator.below(3) > 0 ? Float(generator.normal()) : 0
        }
        let which = (0..<dy.count).map { _ in UInt8(generator.below(4)) }
        let start = (0..<test.weightCount).map { _ in Float(generator.normal()) }
        var gradient = start
        var shape = test.shape
        (shape.y_row, shape.y_pixel) = (columns * test.padded, test.padded)
        kernels.run_weight_gradient(&shape, x, dy, which, 2, &gradient)
        var exact = [Float](repeating: 0, count: test.outputs * test.inputs * 25)
        for o in 0..<test.outputs {
            for tap in 0..<(test.inputs * 25) {
                let (i, t) = (tap / 25, tap % 25)
                var sum = 0.0
                for window in 0..<(rows * columns) {
                    let at = window * test.padded + o
                    let place = Int(which[at])
                    let y = window / columns * 2 + place / 2 + t / 5
                    let column = window % columns * 2 + place % 2 + t % 5
                    sum += Double(dy[at]) * Double(x[y * test.row + column * test.inputs + i])
                }
                exact[(o * test.inputs + i) * 25 + t] = Float(sum)
            }
        }
        let expected = test.packed(exact)
        for at in expected.indices {
            #expect(abs(gradient[at] - start[at] - expected[at]) < 1e-4, "weight \(at)")
        }
    }
}
