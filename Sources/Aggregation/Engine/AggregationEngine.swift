// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How the engines use the machine; it never changes a result.
public struct AggregationEngine: Hashable, Sendable {
    /// The most threads that an engine starts, the caller's included.
    public static let maximumThreadCount = 64
    /// The most updates that rules with a Gram matrix take: the matrices of a few blocks then stay under 100 MB.
    public static let maximumGramUpdates = 1024
    /// The most updates that coordinate-wise rules take: a block of all of them then stays under 4 MB a thread.
    public static let maximumCoordinateUpdates = 16_384

    /// The threads that share a pass over the coordinates, the caller's included; at least 1.
    public var threadCount: Int

    /// Creates a description; by default one thread for each processor, 16 at most.
    public init(threadCount: Int? = nil) {
        let processors = min(Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))), 16)
        self.threadCount = min(max(threadCount ?? processors, 1), Self.maximumThreadCount)
    }

    /// The coordinates of a block when `rowCount` updates are read together.
    ///
    /// A block of 20 updates has 640 KB, half of a core's second-level cache; with more rows blocks shrink so that a
    /// thread never holds more than 8 MB. Depends on the number of rows alone: the results' summation order must not
    /// depend on the machine.
    static func blockElements(rowCount: Int) -> Int {
        let elements = (1 << 21) / max(rowCount, 1) / 64 * 64
        return min(max(elements, 64), 1 << 13)
    }
}
