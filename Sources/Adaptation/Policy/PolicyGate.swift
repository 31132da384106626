// SPDX-License-Identifier: Apache-2.0

/// Decides under a site's policy whether bytes may leave now, with the day's account.
///
/// Time is bounded on both sides against clocks that jump: `until` goes by the latest time ever seen, so that a clock
/// set back reopens nothing; the account of the last 24 hours goes by the time that the process measured itself, so
/// that a clock set forward refills nothing.
public struct PolicyGate: Sendable {
    /// Why samples stay.
    public enum Refusal: String, Sendable, Hashable, CaseIterable {
        /// The site has no policy that allows samples.
        case noPolicy = "no-policy"
        /// The policy does not name the job.
        case jobNotNamed = "job-not-allowed"
        /// The policy does not allow the pixels.
        case fieldsNotAllowed = "fields-not-allowed"
        /// The policy's last day is over.
        case expired = "policy-expired"
        /// The day's bytes are spent.
        case daySpent = "day-spent"
    }

    /// The policy; nil for none.
    public let policy: SitePolicy?
    private let job: String
    private static let day = 86_400.0
    /// What was sent, by the time at which it was.
    private var sent: [(at: Double, bytes: Int)] = []
    /// A clock that jumped may have left the audit log out of order.
    private var isSorted = true
    private var total = 0
    private var latestWall: Int64 = 0
    /// The reading of the account's clock at the last call.
    private var latest = 0.0

    /// Creates a gate for one job.
    public init(_ policy: SitePolicy?, job: String) {
        self.policy = policy
        self.job = job
    }

    /// Takes in what the audit log says was sent before the process began.
    ///
    /// - Parameters:
    ///   - wallSeconds: when it was sent; a clock that was set back since reopens nothing.
    ///   - secondsAgo: by the wall clock; what lies in the future counts as sent now.
    public mutating func remember(bytes: Int, wallSeconds: Int64, secondsAgo: Double) {
        latestWall = max(latestWall, wallSeconds)
        guard bytes > 0 else { return }
        isSorted = false
        sent.append((-min(max(secondsAgo, 0), Self.day), bytes))
        total += bytes
    }

    /// The fields that may leave for this job.
    public var fields: Set<SampleField> { policy.map { $0.names(job) ? $0.fields : [] } ?? [] }

    /// Why so many bytes may not leave now; nil where they may, and then they are counted.
    ///
    /// - Parameters:
    ///   - wallSeconds: the time since 1970.
    ///   - seconds: the time since the process began, by a clock that never jumps.
    public mutating func refusal(bytes: Int, wallSeconds: Int64, seconds: Double) -> Refusal? {
        latestWall = max(latestWall, wallSeconds)
        latest = seconds.isFinite ? max(latest, seconds) : latest
        guard let policy, !policy.jobs.isEmpty else { return .noPolicy }
        guard policy.names(job) else { return .jobNotNamed }
        guard policy.fields.contains(.pixels) else { return .fieldsNotAllowed }
        guard latestWall < policy.endSeconds else { return .expired }
        if !isSorted { sent.sort { $0.at < $1.at } }
        isSorted = true
        while let first = sent.first, first.at + Self.day <= latest {
            total -= first.bytes
            sent.removeFirst()
        }
        let (sum, overflows) = total.addingReportingOverflow(bytes)
        guard bytes >= 0, !overflows, sum <= policy.bytesPerDay else { return .daySpent }
        total = sum
        // One entry a minute bounds the account.
        if let last = sent.last, last.at + 60 > latest, last.at >= 0 {
            sent[sent.count - 1].bytes += bytes
        } else {
            sent.append((latest, bytes))
        }
        return nil
    }
}
