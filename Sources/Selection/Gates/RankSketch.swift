// SPDX-License-Identifier: Apache-2.0

/// Remembers the order of a stream in fixed memory, with a guaranteed error (the deterministic collapse of Manku,
/// Rajagopalan, Lindsay 1998, in the compactor form of Karnin, Lang, Liberty 2016).
///
/// Level h holds elements that stand for `2^h` of the stream. A full level is sorted; every second element moves up,
/// the odd and the even ones in turns. A collapse of level h changes the rank of any value by 0 or by `2^h`, upwards
/// and downwards in turns, so after c_h collapses of each level the rank is wrong by at most
///
///     sum over h of ceil(c_h / 2) 2^h                (about n log2(n / size) / (2 size))
///
/// of n values: a bound that holds for every stream in every order.
struct RankSketch: Sendable {
    /// The elements of a level, even.
    let size: Int
    /// The values taken in.
    private(set) var count = 0
    private var levels: [[UInt64]]
    private var collapses: [Int]
    /// How often everything was forgotten.
    private var emptied = 0

    /// Creates an empty sketch.
    ///
    /// - Precondition: an even size of at least 2; room for at least one value.
    init(size: Int, capacity: Int) {
        precondition(size >= 2 && size % 2 == 0, "a level collapses to half its size")
        precondition(capacity >= 1, "a sketch has room for a value")
        self.size = size
        var levelCount = 1
        while levelCount < 62, size << (levelCount - 1) <= capacity { levelCount += 1 }
        levels = (0..<levelCount).map { _ in
            var level: [UInt64] = []
            level.reserveCapacity(size)
            return level
        }
        collapses = [Int](repeating: 0, count: levelCount)
    }

    /// The most by which an estimated rank can be wrong now.
    var maximumRankError: Int {
        collapses.indices.reduce(0) { $0 + (((collapses[$1] + 1) / 2) << $1) }
    }

    /// The elements kept at most: a constant of the sketch.
    var capacity: Int { levels.count * size }

    /// The elements kept.
    var retainedCount: Int { levels.reduce(0) { $0 + $1.count } }

    /// Takes in a value.
    ///
    /// - Precondition: the sketch was made for as many.
    @inline(__always)
    mutating func insert(_ value: UInt64) {
        levels[0].append(value)
        count += 1
        if levels[0].count == size { collapse(0) }
    }

    private mutating func collapse(_ level: Int) {
        precondition(level + 1 < levels.count, "a sketch takes in no more values than it was made for")
        levels[level].sort()
        // The unpaired last collapses of the levels, too, err upwards and downwards in turns.
        let first = (collapses[level] + level + emptied) & 1
        for position in stride(from: first, to: size, by: 2) {
            levels[level + 1].append(levels[level][position])
        }
        levels[level].removeAll(keepingCapacity: true)
        collapses[level] += 1
        if levels[level + 1].count == size { collapse(level + 1) }
    }

    /// Sorts what is kept, for ``rank(of:)``.
    mutating func sort() {
        for level in levels.indices { levels[level].sort() }
    }

    /// The estimated number of values that are `value` or less; the sketch must be sorted.
    func rank(of value: UInt64) -> Int {
        var rank = 0
        for (level, values) in levels.enumerated() {
            var (low, high) = (0, values.count)
            while low < high {
                let middle = (low + high) / 2
                if values[middle] <= value { low = middle + 1 } else { high = middle }
            }
            rank += low << level
        }
        return rank
    }

    /// Forgets everything, and keeps the memory.
    mutating func removeAll() {
        for level in levels.indices {
            levels[level].removeAll(keepingCapacity: true)
            collapses[level] = 0
        }
        count = 0
        emptied &+= 1
    }
}
