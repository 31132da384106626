// SPDX-License-Identifier: Apache-2.0

/// The coefficients of FedLD's principal-gradient aggregation for one tensor, from the updates' inner products.
///
/// With `H = G G^T / m`, its eigenpairs `(s_j, e_j)`, largest first, and the unit principal gradients
/// `w_j = G^T e_j / sqrt(m s_j)`:
///
///     aggregate = 1/m sum_i |g_i| sum_{j<k} (s_j / sum_l s_l) sign(<g_i, w_j>) w_j,     k = floor(m * keptFraction)
///
/// The inner product `<g_i, w_j>` is `sqrt(m s_j) e_j[i]`, so everything follows from the m x m matrix; nothing of the
/// tensor's size is decomposed. (Zeng and others 2024, FedLD; closed form of the released server aggregation.)
public enum PrincipalGradients {
    /// Components whose eigenvalue is below this share of the largest are noise of the decomposition and left out.
    ///
    /// The reference divides by such eigenvalues and yields NaN where one is 0.
    static let eigenvalueFloor = 1e-13
    /// An update whose share of a principal gradient is below this has no side of it, and adds nothing to it.
    static let projectionFloor = 1e-12

    /// The coefficient of each update in the aggregate.
    ///
    /// - Parameters:
    ///   - gram: the inner products of the m updates of one tensor, finite.
    ///   - keptFraction: the share of principal gradients kept, above 0 and at most 1. At least one is kept, so that
    ///     a single update is its own aggregate; the reference would not move the model then.
    ///   - majoritySign: gives all updates the sign that most of them have: an experiment, not FedLD as released.
    /// - Returns: m coefficients; those of the plain mean when all updates are zero.
    public static func coefficients(_ gram: GramMatrix, keptFraction: Double, majoritySign: Bool = false) -> [Double] {
        let m = gram.count
        let eigen = SymmetricEigen(gram.values.map { $0 / Double(m) }, count: m)
        let spectrum = eigen.values.map { max($0, 0) }
        let total = spectrum.reduce(0, +)
        guard total > 0 else { return [Double](repeating: 1 / Double(m), count: m) }
        let kept = min(max(Int((Double(m) * keptFraction).rounded(.down)), 1), m)
        let norms = (0..<m).map { max(gram.squaredNorm($0), 0).squareRoot() }
        var coefficients = [Double](repeating: 0, count: m)
        for j in 0..<kept where spectrum[j] > eigenvalueFloor * spectrum[0] {
            let vector = eigen.vectors[j]
            let length = (Double(m) * spectrum[j]).squareRoot()
            let signs = vector.map { abs($0) <= projectionFloor ? 0.0 : ($0 > 0 ? 1.0 : -1.0) }
            let signedNorms =
                majoritySign
                ? majority(signs, vector) * norms.reduce(0, +)
                : zip(signs, norms).reduce(0) { $0 + $1.0 * $1.1 }
            let scale = spectrum[j] / total * signedNorms / (Double(m) * length)
            for index in 0..<m { coefficients[index] += scale * vector[index] }
        }
        return coefficients
    }

    /// The side of a principal gradient on which most updates are; where both have as many, that of the updates' sum
    /// (an eigenvector's own sign means nothing).
    private static func majority(_ signs: [Double], _ vector: [Double]) -> Double {
        let balance = signs.reduce(0, +)
        if balance != 0 { return balance > 0 ? 1 : -1 }
        return vector.reduce(0, +) >= 0 ? 1 : -1
    }
}
