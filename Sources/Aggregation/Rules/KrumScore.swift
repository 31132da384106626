// SPDX-License-Identifier: Apache-2.0

/// How Krum scores an update by the distances to its nearest neighbours.
public struct KrumScore: Hashable, Sendable {
    /// Which definition.
    private enum Form { case byzfl, paper, unsquared }
    private let form: Form

    /// The mean squared distance to the n - f nearest, the update itself included: n - f - 1 others.
    public static let byzfl = KrumScore(form: .byzfl)
    /// The sum of squared distances to the n - f - 2 nearest others (Blanchard and others 2017).
    public static let paper = KrumScore(form: .paper)
    /// The sum of distances, not squared, to the n - f - 1 nearest others.
    public static let unsquared = KrumScore(form: .unsquared)

    /// The fewest updates with which the score is defined.
    func minimumCount(faulty: Int) -> Int {
        form == .paper ? max(2 * faulty + 1, faulty + 3) : 2 * faulty + 1
    }

    /// The score of each vector; sums run from the nearest to the farthest.
    func scores(_ gram: GramMatrix, faulty: Int) -> [Double] {
        let neighbours = gram.count - faulty - (form == .paper ? 2 : 1)
        return (0..<gram.count).map { index in
            let distances = (0..<gram.count).filter { $0 != index }.map { gram.squaredDistance(index, $0) }.sorted()
            let nearest = distances.prefix(neighbours)
            return nearest.reduce(0) { $0 + (form == .unsquared ? $1.squareRoot() : $1) }
        }
    }
}
