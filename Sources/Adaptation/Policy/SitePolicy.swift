// SPDX-License-Identifier: Apache-2.0

internal import Learning
internal import Rounds

/// What a site lets leave its devices: a file of the site's own, which no job can change. Without one nothing leaves.
///
///     samples:
///       jobs: [night-shift]              # or ["*"]
///       fields: [pixels, uncertainty, statistics]
///       bytes_per_day: 1000000
///       until: 2027-01-31                # the last day, UTC
public struct SitePolicy: Sendable, Hashable {
    /// The names of the jobs; `*` stands for all.
    public var jobs: Set<String>
    /// What of a sample may leave.
    public var fields: Set<SampleField>
    /// The most bytes in 24 hours.
    public var bytesPerDay: Int
    /// The first second, since 1970 in UTC, in which nothing may leave any more.
    public var endSeconds: Int64

    /// The policy of a site that has none.
    public static let none = SitePolicy(jobs: [], fields: [], bytesPerDay: 0, endSeconds: 0)

    /// Creates a policy.
    public init(jobs: Set<String>, fields: Set<SampleField>, bytesPerDay: Int, endSeconds: Int64) {
        self.jobs = jobs
        self.fields = fields
        self.bytesPerDay = bytesPerDay
        self.endSeconds = endSeconds
    }

    /// Whether what was chosen earlier may still leave: the file may have changed since.
    ///
    /// - Parameter fields: what it holds.
    public func allows(_ fields: Set<SampleField>, for job: String, wallSeconds: Int64) -> Bool {
        names(job) && fields.contains(.pixels) && self.fields.isSuperset(of: fields) && wallSeconds < endSeconds
    }

    /// Whether a job may be sent samples at all.
    public func names(_ job: String) -> Bool { jobs.contains(job) || jobs.contains("*") }
}

extension SitePolicy: Decodable {
    /// Reads a policy file; every key has to be there, so that nothing is allowed by forgetting it.
    ///
    /// - Throws: `SpecificationError`.
    public init(from decoder: any Decoder) throws {
        let file = try StrictContainer(decoder, known: ["samples"])
        self = (try file.required("samples") as Samples).policy
    }

    private struct Samples: Decodable {
        let policy: SitePolicy

        init(from decoder: any Decoder) throws {
            let file = try StrictContainer(decoder, known: ["jobs", "fields", "bytes_per_day", "until"])
            let jobs: [String] = try file.required("jobs")
            let names: [String] = try file.required("fields")
            let fields = names.compactMap(SampleField.init)
            let known = SampleField.allCases.map(\.rawValue).joined(separator: ", ")
            try file.check(fields.count == names.count, "fields", "a list out of \(known)")
            let bytes: Int = try file.required("bytes_per_day")
            try file.check(bytes >= 0, "bytes_per_day", "0 or more")
            let day: String = try file.required("until")
            guard let end = CalendarDay(parsing: day)?.endSeconds else {
                throw SpecificationError(.invalidValue, "'samples.until' must be a day like 2027-01-31, not '\(day)'")
            }
            policy = SitePolicy(jobs: Set(jobs), fields: Set(fields), bytesPerDay: bytes, endSeconds: end)
        }
    }
}

/// A day of the Gregorian calendar.
struct CalendarDay: Hashable {
    let year: Int
    let month: Int
    let day: Int

    /// Reads `2027-01-31`.
    init?(parsing text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count == 4, parts[1].count == 2, parts[2].count == 2,
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2]),
            year >= 1970, (1...12).contains(month), day >= 1, day <= Self.length(month, of: year)
        else { return nil }
        (self.year, self.month, self.day) = (year, month, day)
    }

    private static func length(_ month: Int, of year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }

    /// The seconds from 1970 to the day's end, UTC.
    var endSeconds: Int64 {
        var days = day
        for earlier in 1..<month { days += Self.length(earlier, of: year) }
        for earlier in 1970..<year { days += Self.length(2, of: earlier) + 337 }
        return Int64(days) * 86_400
    }
}
