// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Learning

/// What the cloud's student minimises: the supervised loss on believed labels and the alignment with the teacher.
///
///     L = 1/n sum_i ( [max q_i >= floor] CE(p_i, y_i) + lambda CE(p_i, q_i) )
///
/// with the student's probabilities p, the teacher's q and y = argmax q. The gradient with respect to the logits is
/// `([..] (p - y) + lambda (p - q)) / n`.
struct AdaptationObjective {
    let confidenceFloor: Float
    let alignment: Float

    /// Writes the gradient and returns the mean loss.
    func write(_ batch: LogitBatch, labels: [PseudoLabel]) -> Double {
        var loss = 0.0
        let scale = 1 / Float(batch.rowCount)
        for (row, label) in labels.enumerated() {
            let logits = batch.logits + row * batch.stride
            let gradient = batch.gradient + row * batch.stride
            var top = logits[0]
            for index in 1..<batch.classCount { top = max(top, logits[index]) }
            var total = 0.0
            for index in 0..<batch.classCount { total += Glibc.exp(Double(logits[index] - top)) }
            let supervised: Float = label.isConfident(floor: confidenceFloor) ? 1 : 0
            for index in 0..<batch.classCount {
                let logProbability = Double(logits[index] - top) - Glibc.log(total)
                let target = supervised * (index == label.label ? 1 : 0) + alignment * label.probabilities[index]
                let share = Float(Glibc.exp(logProbability)) * (supervised + alignment)
                gradient[index] = scale * (share - target)
                loss -= Double(target) * logProbability
            }
        }
        return loss / Double(batch.rowCount)
    }
}
