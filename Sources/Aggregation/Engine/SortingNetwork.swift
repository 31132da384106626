// SPDX-License-Identifier: Apache-2.0

/// A fixed list of comparators that orders any `count` values, smallest first (Batcher 1968, odd-even merge exchange).
///
/// A comparator (i, j), i < j, puts the smaller of the two values in position i. As the list does not depend on the
/// values, one list orders many coordinates at once, one in each vector lane.
struct SortingNetwork: Equatable {
    let count: Int
    /// The comparators as (i, j) one after the other.
    let pairs: [UInt16]

    /// The network that puts the right values in the positions `needed`; other positions may hold anything.
    ///
    /// Comparators that cannot influence a needed position are left out.
    init(count: Int, needed: Range<Int>) {
        precondition(count > 0 && count <= Int(UInt16.max), "a network orders 1 to 65535 values")
        precondition(needed.lowerBound >= 0 && needed.upperBound <= count, "needed positions outside the network")
        self.count = count
        var isNeeded = (0..<count).map { needed.contains($0) }
        var kept: [(Int, Int)] = []
        for (low, high) in Self.mergeExchange(count).reversed() where isNeeded[low] || isNeeded[high] {
            isNeeded[low] = true
            isNeeded[high] = true
            kept.append((low, high))
        }
        pairs = kept.reversed().flatMap { [UInt16($0.0), UInt16($0.1)] }
    }

    /// The number of comparators.
    var comparatorCount: Int { pairs.count / 2 }

    /// Knuth, The Art of Computer Programming, volume 3, section 5.2.2, algorithm M.
    private static func mergeExchange(_ count: Int) -> [(Int, Int)] {
        guard count > 1 else { return [] }
        var top = 1
        while top * 2 < count { top *= 2 }
        var pairs: [(Int, Int)] = []
        var p = top
        while p > 0 {
            var (q, r, distance) = (top, 0, p)
            while true {
                for i in 0..<max(count - distance, 0) where i & p == r { pairs.append((i, i + distance)) }
                if q == p { break }
                (distance, q, r) = (q - p, q / 2, p)
            }
            p /= 2
        }
        return pairs
    }
}
