// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Memory in pages of 2 MiB: first touching 4 KiB pages costs about as much as filling them, and what is read from
/// everywhere in a large table misses their translations.
public enum HugePages {
    /// The size of such a page.
    public static let byteCount = 2 << 20
    /// MADV_HUGEPAGE, which Glibc's module does not export.
    private static let advice: Int32 = 14

    /// Asks for huge pages where they fit into memory that was not touched yet; the system may decline.
    public static func advise(_ memory: UnsafeRawBufferPointer) {
        guard let base = memory.baseAddress else { return }
        let mask = UInt(byteCount - 1)
        let first = (UInt(bitPattern: base) + mask) & ~mask
        let end = UInt(bitPattern: base + memory.count) & ~mask
        guard first < end else { return }
        madvise(UnsafeMutableRawPointer(bitPattern: first), Int(end - first), advice)
    }
}
