// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Glibc

/// MOON's model-contrastive loss: draws a sample's features to those of the global model, away from those of the
/// client's previous model.
///
/// Li, He and Song 2021, "Model-contrastive federated learning" (CVPR), equation 3; z, g, p are the features (the
/// inputs of the last layer) by the current, the global and the previous model, T the temperature:
///
///     mu / B * sum_b -ln( e^(cos(z, g) / T) / (e^(cos(z, g) / T) + e^(cos(z, p) / T)) )
///
/// A cosine with features of zero norm (product of norms below 1e-8) is 0 and has no gradient.
final class ContrastiveLoss {
    private static let smallestNorm = 1e-8

    private let global: any TrainableNetwork
    private let previous: any TrainableNetwork
    private var arena = FloatArena(capacity: 0)
    private var capacity = 0
    private var mu = 0.0
    private var temperature = 1.0
    /// The loss's gradient with respect to the features, laid out as they are.
    private(set) var gradient: UnsafeMutablePointer<Float>

    /// Creates a loss for networks like this one.
    init(like network: any TrainableNetwork) {
        global = network.makeSibling()
        previous = network.makeSibling()
        gradient = arena.take(0)
    }

    /// Loads the models to compare with and makes room for batches of up to `rows` rows.
    func prepare(_ contrast: StepPlan.Contrast, rows: Int) {
        global.load(contrast.global)
        previous.load(contrast.previous)
        global.reserve(rows: rows)
        previous.reserve(rows: rows)
        mu = Double(contrast.mu)
        temperature = Double(contrast.temperature)
        let needed = rows * global.featureBatch(rows: rows).stride
        if capacity < needed {
            arena = FloatArena(capacity: FloatArena.footprint(needed))
            gradient = arena.take(needed)
            capacity = needed
        }
    }

    /// Takes samples of a table as the next batch and computes both fixed models' features of it.
    func gather(_ table: SampleTable, rows: Int, index: (Int) -> UInt32) {
        global.gather(table, rows: rows, index: index)
        global.forwardFeatures(rows: rows)
        previous.gather(table, rows: rows, index: index)
        previous.forwardFeatures(rows: rows)
    }

    /// Writes the gradient for the batch that was gathered and returns B times the loss.
    func lossAndGradient(_ features: FeatureBatch) -> Double {
        let toward = global.featureBatch(rows: features.rowCount)
        let away = previous.featureBatch(rows: features.rowCount)
        var loss = 0.0
        for row in 0..<features.rowCount {
            let start = row * features.stride
            loss += lossAndGradient(
                features.values + start,
                toward.values + start,
                away.values + start,
                count: features.featureCount,
                rows: features.rowCount,
                into: gradient + start
            )
        }
        return mu * loss
    }

    /// Writes one sample's gradient and returns its loss.
    ///
    /// With `a = cos(z, g)`, `b = cos(z, p)` the loss is `ln(1 + e^x)`, `x = (b - a) / T`, and
    ///
    ///     d cos(z, u) / dz = u / (|z| |u|) - cos(z, u) z / |z|^2
    private func lossAndGradient(
        _ current: UnsafePointer<Float>,
        _ toward: UnsafePointer<Float>,
        _ away: UnsafePointer<Float>,
        count: Int,
        rows: Int,
        into gradient: UnsafeMutablePointer<Float>
    ) -> Double {
        let norm = ck_squared_norm(current, count).squareRoot()
        let towardNorm = norm * ck_squared_norm(toward, count).squareRoot()
        let awayNorm = norm * ck_squared_norm(away, count).squareRoot()
        let isTowardDefined = !(towardNorm < Self.smallestNorm)
        let isAwayDefined = !(awayNorm < Self.smallestNorm)
        let similarity = isTowardDefined ? ck_dot(current, toward, count) / towardNorm : 0
        let dissimilarity = isAwayDefined ? ck_dot(current, away, count) / awayNorm : 0
        let x = (dissimilarity - similarity) / temperature
        let slope = mu / (Double(rows) * temperature) / (1 + exp(-x))
        let towardFactor = isTowardDefined ? Float(-slope / towardNorm) : 0
        let awayFactor = isAwayDefined ? Float(slope / awayNorm) : 0
        let isDefined = isTowardDefined || isAwayDefined
        let ownFactor = isDefined ? Float(slope * (similarity - dissimilarity) / (norm * norm)) : 0
        for index in 0..<count {
            gradient[index] = towardFactor * toward[index] + awayFactor * away[index] + ownFactor * current[index]
        }
        return max(x, 0) + log1p(exp(-abs(x)))
    }
}
