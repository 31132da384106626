// SPDX-License-Identifier: Apache-2.0

/// Assigns samples to clusters softly and evenly (Sinkhorn and Knopp's scaling, as FedoSSL uses it).
///
/// With `S = softmax(sharpness * similarity)` by rows, N samples and K clusters, rows and columns are scaled in turn:
///
///     r_k = 1 / (K sum_n S_nk c_n);   c_n = 1 / (N sum_k S_nk r_k);   Q_nk = N c_n S_nk r_k
///
/// Rows of Q sum to 1; columns come near N / K.
public struct Sinkhorn: Sendable, Hashable {
    /// How much a larger similarity counts.
    public let sharpness: Float
    /// The most rounds of scaling.
    public let iterations: Int

    /// Creates the method.
    ///
    /// - Throws: ``AdaptationError`` with code `invalidParameter`.
    public init(sharpness: Float = 25, iterations: Int = 100) throws {
        guard sharpness > 0, sharpness.isFinite, iterations >= 1 else {
            throw AdaptationError(
                .invalidParameter,
                "an even assignment needs a positive sharpness (\(sharpness)) and iterations (\(iterations))"
            )
        }
        self.sharpness = sharpness
        self.iterations = iterations
    }

    /// The assignment, N x `clusters`, from similarities of the same shape.
    ///
    /// - Precondition: whole rows.
    public func assign(_ similarities: [Float], clusters: Int) -> [Float] {
        precondition(clusters >= 1 && similarities.count % clusters == 0, "whole rows of similarities")
        let count = similarities.count / clusters
        guard count > 0 else { return [] }
        let shares = RowSoftmax.apply(similarities, width: clusters, scale: sharpness)
        var rows = [Double](repeating: 1 / Double(count), count: count)
        var columns = [Double](repeating: 0, count: clusters)
        for _ in 0..<iterations {
            var sums = [Double](repeating: 0, count: clusters)
            for row in 0..<count {
                for column in 0..<clusters { sums[column] += Double(shares[row * clusters + column]) * rows[row] }
            }
            for column in 0..<clusters { columns[column] = 1 / (Double(clusters) * max(sums[column], 1e-30)) }
            var change = 0.0
            for row in 0..<count {
                var sum = 0.0
                for column in 0..<clusters { sum += Double(shares[row * clusters + column]) * columns[column] }
                let next = 1 / (Double(count) * max(sum, 1e-30))
                change += abs(rows[row] / next - 1)
                rows[row] = next
            }
            if change < 1e-2 { break }
        }
        return (0..<similarities.count).map { index in
            let (row, column) = (index / clusters, index % clusters)
            return Float(Double(count) * rows[row] * Double(shares[index]) * columns[column])
        }
    }
}
