// SPDX-License-Identifier: Apache-2.0

/// Updates whose coordinates can be read in any order and from several threads at once: vectors in memory, or dense
/// files that are mapped.
///
/// Engines divide the coordinates of such a set among threads. The values must be those of
/// ``UpdateSet/makeDecoder(at:)``.
public protocol RandomAccessUpdateSet: UpdateSet {
    /// The coordinates `range` of one update.
    ///
    /// - Parameters:
    ///   - index: the update.
    ///   - range: coordinates inside the layout.
    ///   - scratch: room for `range.count` values, to be filled where the values do not lie in memory already.
    /// - Returns: either memory that stays valid and unchanged as long as the set, or the beginning of `scratch`.
    func coordinates(
        _ range: Range<Int>,
        at index: Int,
        scratch: UnsafeMutableBufferPointer<Float>
    ) throws -> UnsafeBufferPointer<Float>
}
