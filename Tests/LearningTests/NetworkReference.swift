// SPDX-License-Identifier: Apache-2.0

import Glibc

@testable import Learning
@testable import ModelState

/// A layered model in double precision, value by value, in PyTorch's order of dimensions: nothing of the kernels'
/// layouts, order of sums or fusions.
struct NetworkReference {
    let model: ModelArchitecture
    let plan: NetworkPlan
    var isTraining = true
    /// The factors of a dropout node's values: zero or what scales the survivors.
    var dropout: [Int: [Double]] = [:]

    init?(_ model: ModelArchitecture) {
        guard let plan = model.plan else { return nil }
        self.model = model
        self.plan = plan
    }

    /// What each node gives for all rows, in the order row, channel, line, column.
    func values(_ w: [Double], _ table: SampleTable) -> [[Double]] {
        var values: [[Double]] = []
        for node in plan.nodes.indices { values.append(value(of: node, from: values, w, table)) }
        return values
    }

    /// Mean cross-entropy.
    func loss(_ w: [Double], _ table: SampleTable) -> Double { crossEntropy(values(w, table)[plan.last], table) }

    func crossEntropy(_ logits: [Double], _ table: SampleTable) -> Double {
        let classes = model.classCount
        var total = 0.0
        for row in 0..<table.count {
            let z = logits[(row * classes)..<((row + 1) * classes)]
            let largest = z.max() ?? 0
            total += log(z.reduce(0) { $0 + exp($1 - largest) }) + largest - z[row * classes + Int(table.labels[row])]
        }
        return total / Double(table.count)
    }

    private func value(of node: Int, from values: [[Double]], _ w: [Double], _ table: SampleTable) -> [Double] {
        let (operation, inputs, shape) = (plan.nodes[node].operation, plan.nodes[node].inputs, plan.nodes[node].shape)
        let rows = table.count
        func tensor(_ offset: Int) -> ArraySlice<Double> {
            w[model.layout.range(of: plan.nodes[node].firstTensor + offset)]
        }
        func rectified(_ x: [Double], _ rectifies: Bool) -> [Double] { rectifies ? x.map { max(0, $0) } : x }
        let x = inputs.first.map { values[$0] } ?? []
        let from = plan.nodes[inputs.first ?? 0].shape
        switch operation {
        case .input:
            return (0..<rows).flatMap { table.features(of: $0).map(Double.init) }
        case .convolution(let spec):
            let bias = spec.hasBias ? Array(tensor(1)) : [Double](repeating: 0, count: spec.outputs)
            let (y, whole) = convolution(x, from, Array(tensor(0)), bias, spec, rows: rows)
            return spec.pool > 1
                ? maxima(rectified(y, spec.rectifies), whole, side: spec.pool, rows: rows)
                : rectified(y, spec.rectifies)
        case .batchNorm(let rectifies):
            var y = normalised(x, shape, (0..<4).map { Array(tensor($0)) }, rows: rows)
            if inputs.count > 1 { y = zip(y, values[inputs[1]]).map { $0 + $1 } }
            return rectified(y, rectifies)
        case .maxPool(let side):
            return maxima(x, from, side: side, rows: rows)
        case .averagePool:
            let pixels = from.height * from.width
            return (0..<(rows * from.channels)).map { image in
                x[(image * pixels)..<((image + 1) * pixels)].reduce(0, +) / Double(pixels)
            }
        case .dense(let outputs, let rectifies):
            let (weight, bias) = (Array(tensor(0)), Array(tensor(1)))
            return rectified(dense(x, weight, bias, inputs: from.count, outputs: outputs, rows: rows), rectifies)
        case .dropout:
            guard isTraining, let factors = dropout[node] else { return x }
            return zip(x, factors).map { $0 * $1 }
        case .recurrent(let spec):
            return recurrent(x, spec, (0..<5).map { Array(tensor($0)) }, rows: rows)
        }
    }

    private func dense(
        _ x: [Double],
        _ weight: [Double],
        _ bias: [Double],
        inputs: Int,
        outputs: Int,
        rows: Int
    ) -> [Double] {
        var y: [Double] = []
        x.withUnsafeBufferPointer { x in
            weight.withUnsafeBufferPointer { weight in
                for row in 0..<rows {
                    for output in 0..<outputs {
                        var sum = bias[output]
                        for input in 0..<inputs { sum += weight[output * inputs + input] * x[row * inputs + input] }
                        y.append(sum)
                    }
                }
            }
        }
        return y
    }

    private func convolution(
        _ x: [Double],
        _ from: NetworkPlan.Shape,
        _ weight: [Double],
        _ bias: [Double],
        _ spec: NetworkPlan.Convolution,
        rows: Int
    ) -> ([Double], NetworkPlan.Shape) {
        let side = spec.kernel
        let height = (from.height + 2 * spec.padding - side) / spec.stride + 1
        let width = (from.width + 2 * spec.padding - side) / spec.stride + 1
        var y = [Double](repeating: 0, count: rows * spec.outputs * height * width)
        x.withUnsafeBufferPointer { x in
            weight.withUnsafeBufferPointer { weight in
                var place = 0
                for row in 0..<rows {
                    for output in 0..<spec.outputs {
                        for position in 0..<(height * width) {
                            let top = position / width * spec.stride - spec.padding
                            let left = position % width * spec.stride - spec.padding
                            var sum = bias[output]
                            for channel in 0..<from.channels {
                                for ky in max(0, -top)..<min(side, from.height - top) {
                                    let line = ((row * from.channels + channel) * from.height + top + ky) * from.width
                                    let tap = ((output * from.channels + channel) * side + ky) * side
                                    for kx in max(0, -left)..<min(side, from.width - left) {
                                        sum += weight[tap + kx] * x[line + left + kx]
                                    }
                                }
                            }
                            y[place] = sum
                            place += 1
                        }
                    }
                }
            }
        }
        return (y, .init(channels: spec.outputs, height: height, width: width))
    }

    private func maxima(_ x: [Double], _ shape: NetworkPlan.Shape, side: Int, rows: Int) -> [Double] {
        var y: [Double] = []
        for image in 0..<(rows * shape.channels) {
            for top in 0..<(shape.height / side) {
                for left in 0..<(shape.width / side) {
                    var largest = -Double.infinity
                    for place in 0..<(side * side) {
                        let line = image * shape.height + top * side + place / side
                        largest = max(largest, x[line * shape.width + left * side + place % side])
                    }
                    y.append(largest)
                }
            }
        }
        return y
    }

    /// Mean and biased variance of each channel of a node's values.
    func statistics(_ x: [Double], _ shape: NetworkPlan.Shape, rows: Int) -> (mean: [Double], variance: [Double]) {
        let pixels = shape.height * shape.width
        let count = Double(rows * pixels)
        var (means, variances): ([Double], [Double]) = ([], [])
        for channel in 0..<shape.channels {
            let own = (0..<rows).flatMap { row -> ArraySlice<Double> in
                let first = (row * shape.channels + channel) * pixels
                return x[first..<(first + pixels)]
            }
            let mean = own.reduce(0, +) / count
            means.append(mean)
            variances.append(own.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count)
        }
        return (means, variances)
    }

    private func normalised(
        _ x: [Double],
        _ shape: NetworkPlan.Shape,
        _ tensors: [[Double]],
        rows: Int
    ) -> [Double] {
        let pixels = shape.height * shape.width
        let (mean, variance) = isTraining ? statistics(x, shape, rows: rows) : (tensors[2], tensors[3])
        return x.indices.map { index in
            let channel = index / pixels % shape.channels
            let scale = tensors[0][channel] / (variance[channel] + 1e-5).squareRoot()
            return (x[index] - mean[channel]) * scale + tensors[1][channel]
        }
    }

    /// PyTorch's GRU: gates reset, update, candidate in this order.
    private func recurrent(
        _ x: [Double],
        _ spec: NetworkPlan.Recurrent,
        _ tensors: [[Double]],
        rows: Int
    ) -> [Double] {
        let (units, width) = (spec.hidden, spec.embedding)
        func sigmoid(_ value: Double) -> Double { 1 / (1 + exp(-value)) }
        var last: [Double] = []
        for row in 0..<rows {
            var state = [Double](repeating: 0, count: units)
            for position in 0..<spec.length {
                let character = Int(x[row * spec.length + position])
                let letter = Array(tensors[0][(character * width)..<((character + 1) * width)])
                let gates = 3 * units
                let own = dense(letter, tensors[1], tensors[3], inputs: width, outputs: gates, rows: 1)
                let past = dense(state, tensors[2], tensors[4], inputs: units, outputs: gates, rows: 1)
                state = (0..<units).map { unit in
                    let reset = sigmoid(own[unit] + past[unit])
                    let update = sigmoid(own[units + unit] + past[units + unit])
                    let candidate = tanh(own[2 * units + unit] + reset * past[2 * units + unit])
                    return (1 - update) * candidate + update * state[unit]
                }
            }
            last += state
        }
        return last
    }
}
