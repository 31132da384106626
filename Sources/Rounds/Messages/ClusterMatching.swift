// SPDX-License-Identifier: Apache-2.0

/// The accuracy of clusters under the best one-to-one naming (Hungarian method).
public enum ClusterMatching {
    /// The class of each cluster that makes the most samples right.
    ///
    /// - Parameter counts: how many samples of each class (columns) lie in each cluster (rows); square.
    public static func bestNames(_ counts: [[Int]]) -> [Int] {
        let size = counts.count
        precondition(counts.allSatisfy { $0.count == size }, "as many classes as clusters")
        // Potentials and shortest augmenting paths on the costs -count; index 0 is a place of its own.
        var rowPotential = [Int](repeating: 0, count: size + 1)
        var (columnPotential, rowOfColumn) = (rowPotential, rowPotential)
        for row in stride(from: 1, through: size, by: 1) {
            rowOfColumn[0] = row
            var column = 0
            var distances = [Int](repeating: Int.max / 2, count: size + 1)
            var previous = [Int](repeating: 0, count: size + 1)
            var visited = [Bool](repeating: false, count: size + 1)
            repeat {
                visited[column] = true
                let current = rowOfColumn[column]
                var (step, next) = (Int.max / 2, 0)
                for other in 1...size where !visited[other] {
                    let cost = -counts[current - 1][other - 1] - rowPotential[current] - columnPotential[other]
                    if cost < distances[other] { (distances[other], previous[other]) = (cost, column) }
                    if distances[other] < step { (step, next) = (distances[other], other) }
                }
                for other in 0...size {
                    if visited[other] {
                        rowPotential[rowOfColumn[other]] += step
                        columnPotential[other] -= step
                    } else {
                        distances[other] -= step
                    }
                }
                column = next
            } while rowOfColumn[column] != 0
            while column != 0 {
                rowOfColumn[column] = rowOfColumn[previous[column]]
                column = previous[column]
            }
        }
        var names = [Int](repeating: 0, count: size)
        for column in stride(from: 1, through: size, by: 1) { names[rowOfColumn[column] - 1] = column - 1 }
        return names
    }

    /// The share of samples whose cluster's name is their class.
    ///
    /// - Precondition: one answer for each label, both in 0 up to `classes`.
    public static func accuracy(_ answers: [Int], labels: [Int], classes: Int) -> Double {
        precondition(answers.count == labels.count, "an answer for each label")
        guard !answers.isEmpty else { return 0 }
        var counts = [[Int]](repeating: [Int](repeating: 0, count: classes), count: classes)
        for (answer, label) in zip(answers, labels) { counts[answer][label] += 1 }
        let names = bestNames(counts)
        return Double(zip(answers, labels).count { names[$0] == $1 }) / Double(answers.count)
    }
}
