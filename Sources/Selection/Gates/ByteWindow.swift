// SPDX-License-Identifier: Apache-2.0

/// Counts bytes against an allowance that begins anew with every window of time; a part of it is kept for the reserve.
struct ByteWindow: Sendable {
    let allowance: SampleGate.ByteAllowance
    /// The bytes of a window that only the reserve may use; the other bytes only the scores.
    let reserved: Int
    private(set) var spent = 0
    private var spentByReserve = 0
    private var start = 0.0

    init(_ allowance: SampleGate.ByteAllowance, reserve: Double) {
        self.allowance = allowance
        let share = (Double(allowance.bytes) * reserve).rounded()
        reserved = min(Int(exactly: share) ?? allowance.bytes, allowance.bytes)
    }

    /// Whether the bytes fit the window of this time.
    mutating func hasRoom(for bytes: Int, isReserve: Bool, at seconds: Double) -> Bool {
        if seconds - start >= allowance.windowSeconds {
            // Windows follow each other without gaps, however long the pause was.
            start += ((seconds - start) / allowance.windowSeconds).rounded(.down) * allowance.windowSeconds
            spent = 0
            spentByReserve = 0
        }
        return isReserve
            ? bytes <= reserved - spentByReserve
            : bytes <= allowance.bytes - reserved - (spent - spentByReserve)
    }

    mutating func spend(_ bytes: Int, isReserve: Bool) {
        spent += bytes
        if isReserve { spentByReserve += bytes }
    }
}
