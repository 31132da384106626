// SPDX-License-Identifier: Apache-2.0

/// A reading of the machine's monotonic clock, which never goes back and knows no calendar.
///
/// Readings of different machines, or of one machine before and after a restart, must not be compared.
public struct MonotonicInstant: InstantProtocol, Sendable {
    /// Nanoseconds since an origin that is fixed while the machine runs.
    public let nanoseconds: Int64

    /// Wraps a reading in nanoseconds.
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// This instant moved by `duration`, saturating at the ends of the range.
    public func advanced(by duration: Duration) -> MonotonicInstant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.saturatingNanoseconds)
        if overflow { return MonotonicInstant(nanoseconds: duration < .zero ? .min : .max) }
        return MonotonicInstant(nanoseconds: sum)
    }

    /// The time from this instant to `other`; negative if `other` is earlier.
    public func duration(to other: MonotonicInstant) -> Duration {
        .nanoseconds(other.nanoseconds) - .nanoseconds(nanoseconds)
    }

    /// Whether the left instant is earlier.
    public static func < (left: MonotonicInstant, right: MonotonicInstant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}

extension Duration {
    /// The whole nanoseconds of this duration, rounded up, clamped to what fits.
    var saturatingNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, tooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        // Attoseconds carry the duration's sign; integer division rounds toward zero, so only positives need the step.
        let part = attoseconds / 1_000_000_000 + (attoseconds % 1_000_000_000 > 0 ? 1 : 0)
        let (sum, overflow) = scaled.addingReportingOverflow(part)
        if tooLarge || overflow { return seconds < 0 ? .min : .max }
        return sum
    }

    /// The whole milliseconds of this duration, rounded up, at least zero.
    var millisecondsRoundedUp: UInt64 {
        let nanoseconds = max(0, saturatingNanoseconds)
        return UInt64(nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 > 0 ? 1 : 0))
    }
}
