// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds
import Testing

@Suite struct ClusterMatchingTests {
    /// The oracle tries every naming.
    @Test func namesAreTheBestOfAll() {
        var generator = SeededGenerator(seed: Seed(4))
        for size in 1...5 {
            for _ in 0..<20 {
                let counts = (0..<size).map { _ in (0..<size).map { _ in generator.below(9) } }
                let names = ClusterMatching.bestNames(counts)
                #expect(Set(names) == Set(0..<size))
                let reached = names.enumerated().reduce(0) { $0 + counts[$1.offset][$1.element] }
                #expect(reached == Self.permutations(size).map { Self.total(counts, $0) }.max())
            }
        }
    }

    private static func total(_ counts: [[Int]], _ names: [Int]) -> Int {
        names.enumerated().reduce(0) { $0 + counts[$1.offset][$1.element] }
    }

    private static func permutations(_ size: Int) -> [[Int]] {
        guard size > 0 else { return [[]] }
        return permutations(size - 1).flatMap { rest in
            (0..<size).map { place in Array(rest[..<place]) + [size - 1] + Array(rest[place...]) }
        }
    }

    @Test func clustersCountUnderTheirBestNames() {
        #expect(ClusterMatching.accuracy([2, 2, 0, 0, 1], labels: [0, 0, 1, 1, 2], classes: 3) == 1)
        #expect(ClusterMatching.accuracy([0, 0, 0, 0], labels: [0, 0, 1, 2], classes: 3) == 0.5)
        #expect(ClusterMatching.accuracy([], labels: [], classes: 3) == 0)
    }
}
