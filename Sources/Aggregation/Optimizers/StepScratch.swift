// SPDX-License-Identifier: Apache-2.0

/// Room for one block of a change; grows to the largest block and is then reused.
final class StepScratch {
    private var buffer = AlignedBuffer<Double>(count: 0)

    /// Room for `count` values, valid until the next call.
    func room(_ count: Int) -> UnsafeMutableBufferPointer<Double> {
        if count > buffer.count { buffer = AlignedBuffer(count: count) }
        return buffer.slice(0, count)
    }
}

extension FaultTolerance {
    /// Checks a parameter that must be positive and finite.
    static func requirePositive(_ value: Double, _ parameter: String, rule: String) throws {
        try require(value > 0 && value.isFinite, rule: rule, "\(parameter) must be positive and finite, not \(value)")
    }

    /// Checks a decay that must lie at or above 0 and below 1.
    static func requireDecay(_ value: Double, _ parameter: String, rule: String) throws {
        try require(
            value >= 0 && value < 1,
            rule: rule,
            "\(parameter) must lie at or above 0 and below 1, not at \(value)"
        )
    }
}
