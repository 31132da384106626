// SPDX-License-Identifier: Apache-2.0

/// How many files that are not needed any more are kept to be written over.
///
/// Writing over a file whose pages are in memory costs a tenth of writing a new one.
public struct RecyclingLimits: Sendable, Hashable {
    /// The most files kept.
    public var files: Int
    /// The most bytes that they have together.
    public var bytes: Int

    /// Creates limits.
    public init(files: Int = 64, bytes: Int = 2 << 30) {
        self.files = files
        self.bytes = bytes
    }
}
