// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The sums over one row of answers from which all scores of a single pass follow.
///
/// With m the largest logit at class k and `x_c = (z_c - m) / T`: probabilities are `exp(x_c) / (1 + rest)`. Keeping
/// `rest` apart from the 1 of the largest class keeps the difference between almost sure and surer still, which
/// `1 - max p` in single precision loses.
struct Softmax {
    /// The largest logit, or the largest probability.
    var maximum: Double
    /// The first class that has it.
    var best: Int
    /// `sum exp(x_c)` over all classes but the best.
    var rest: Double
    /// `sum -x_c exp(x_c)` over all classes but the best.
    var spread: Double
    /// `exp(x_c)` of the second-largest; 0 with a single class.
    var second: Double

    /// Takes in a row; nil where a value is not finite, or the values cannot be probabilities.
    ///
    /// - Parameter exponentials: takes `exp(x_c)` for all classes, where given.
    @inline(__always)
    init?(
        _ row: UnsafePointer<Float>,
        _ classCount: Int,
        content: LogitRows.Content,
        inverseTemperature: Double,
        exponentials: UnsafeMutablePointer<Double>? = nil
    ) {
        var top = row[0]
        var position = 0
        var isFinite = top.isFinite
        var isNegative = top < 0
        for index in 1..<max(classCount, 1) {
            let value = row[index]
            isFinite = isFinite && value.isFinite
            isNegative = isNegative || value < 0
            if value > top {
                top = value
                position = index
            }
        }
        guard isFinite, content == .logits || (!isNegative && top > 0) else { return nil }
        maximum = Double(top)
        best = position
        rest = 0
        spread = 0
        second = 0
        for index in 0..<classCount where index != position {
            let value = Double(row[index])
            let distance =
                content == .logits
                ? inverseTemperature * (value - maximum)
                : inverseTemperature * Glibc.log(value / maximum)
            let exponential = Glibc.exp(distance)
            exponentials?[index] = exponential
            rest += exponential
            // A vanished class adds nothing, also where its logarithm is infinite.
            if exponential > 0 { spread -= distance * exponential }
            second = max(second, exponential)
        }
        exponentials?[position] = 1
    }

    /// `1 - max p`.
    var doubt: Double { rest / (1 + rest) }
    /// `1 - (p1 - p2)`.
    var marginDoubt: Double { (rest + second) / (1 + rest) }
    /// `H(p)`: `log(1 + rest) - sum p_c x_c`.
    var entropy: Double { Glibc.log1p(rest) + spread / (1 + rest) }
    /// `-T log sum exp(z / T)`.
    func energy(temperature: Double) -> Double { -(maximum + temperature * Glibc.log1p(rest)) }
}
