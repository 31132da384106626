// SPDX-License-Identifier: Apache-2.0

internal import Glibc
public import ModelState

/// Lowers the logits of a client's rare classes before another objective sees them: FedLC.
///
/// Zhang et al. 2022, "Federated learning with label distribution skew via logits calibration" (ICML), section 4:
///
///     z_c - tau * n_c^(-1/4),     n_c the client's samples of class c
///
/// A class that the client lacks counts as 1e-8 samples, so its logit is lowered by 100 tau: practically masked,
/// without an infinity.
public struct CalibratedObjective: LocalObjective {
    private let offsets: [Float]
    private let base: any LocalObjective

    /// Creates the objective of one client.
    ///
    /// - Parameters:
    ///   - tau: the calibration's strength, 0 or more.
    ///   - labelCounts: the client's samples of each class.
    ///   - base: what sees the calibrated logits.
    /// - Precondition: `tau` is finite and 0 or more.
    public init(tau: Float, labelCounts: [Int], base: any LocalObjective = CrossEntropyObjective()) {
        precondition(tau >= 0 && tau.isFinite, "the calibration's strength is 0 or more")
        offsets = labelCounts.map { Float(Double(tau) * pow(max(Double($0), 1e-8), -0.25)) }
        self.base = base
    }

    /// The base's loss of the calibrated logits; the offsets are constants, so its gradient is the logits' own.
    public func lossAndGradient(_ batch: LogitBatch) -> Double {
        precondition(offsets.count == batch.classCount, "one count for each class")
        offsets.withUnsafeBufferPointer { offsets in
            for row in 0..<batch.rowCount {
                let logits = batch.logits + row * batch.stride
                for index in offsets.indices { logits[index] -= offsets[index] }
            }
        }
        return base.lossAndGradient(batch)
    }

    /// The base's.
    public func parameterTerm(start: ParameterVector) -> ParameterTerm? { base.parameterTerm(start: start) }
}

extension Samples {
    /// How many samples each class has.
    func labelCounts(classCount: Int) -> [Int] {
        var counts = [Int](repeating: 0, count: classCount)
        for offset in 0..<count { counts[Int(table.labels[Int(index(at: offset))])] += 1 }
        return counts
    }
}
