// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Rounds
import Testing

@testable import Adaptation

@Suite struct SitePolicyTests {
    private static let day: Int64 = 86_400

    private func policy(_ bytes: Int = 1_000, end: Int64 = 1_000 * day) -> SitePolicy {
        SitePolicy(jobs: ["night"], fields: [.pixels, .uncertainty], bytesPerDay: bytes, endSeconds: end)
    }

    private func read(_ text: String) throws -> SitePolicy {
        try JSONDecoder().decode(SitePolicy.self, from: Data(text.utf8))
    }

    @Test func withoutAPolicyNothingLeaves() {
        var none = PolicyGate(nil, job: "night")
        #expect(none.refusal(bytes: 0, wallSeconds: 0, seconds: 0) == .noPolicy && none.fields.isEmpty)
        var empty = PolicyGate(SitePolicy.none, job: "night")
        #expect(empty.refusal(bytes: 1, wallSeconds: 0, seconds: 0) == .noPolicy)
        var other = PolicyGate(policy(), job: "day")
        #expect(other.refusal(bytes: 1, wallSeconds: 0, seconds: 0) == .jobNotNamed && other.fields.isEmpty)
        var blind = policy()
        blind.fields = [.uncertainty]
        var gate = PolicyGate(blind, job: "night")
        #expect(gate.refusal(bytes: 1, wallSeconds: 0, seconds: 0) == .fieldsNotAllowed)
    }

    @Test func aDaysBytesAreNeverExceeded() {
        var gate = PolicyGate(policy(), job: "night")
        #expect(gate.refusal(bytes: 600, wallSeconds: 0, seconds: 0) == nil)
        #expect(gate.refusal(bytes: 401, wallSeconds: 0, seconds: 10) == .daySpent)
        #expect(gate.refusal(bytes: 400, wallSeconds: 0, seconds: 20) == nil)
        #expect(gate.refusal(bytes: 1, wallSeconds: 0, seconds: 86_399) == .daySpent)
        #expect(gate.refusal(bytes: 1_000, wallSeconds: 0, seconds: 86_500) == nil)
        var zero = PolicyGate(policy(0), job: "night")
        #expect(zero.refusal(bytes: 1, wallSeconds: 0, seconds: 0) == .daySpent)
        #expect(zero.refusal(bytes: 0, wallSeconds: 0, seconds: 0) == nil)
        #expect(zero.refusal(bytes: -5, wallSeconds: 0, seconds: 0) == .daySpent)
        #expect(zero.refusal(bytes: .max, wallSeconds: 0, seconds: 0) == .daySpent)
    }

    @Test func whatWasSentBeforeARestartCounts() {
        var gate = PolicyGate(policy(), job: "night")
        gate.remember(bytes: 700, wallSeconds: 0, secondsAgo: 3_600)
        gate.remember(bytes: 999, wallSeconds: 0, secondsAgo: 90_000)
        // What lies in the future, by a clock that was set back, counts as sent now.
        gate.remember(bytes: 200, wallSeconds: 0, secondsAgo: -500)
        #expect(gate.refusal(bytes: 101, wallSeconds: 0, seconds: 1) == .daySpent)
        #expect(gate.refusal(bytes: 100, wallSeconds: 0, seconds: 1) == nil)
        #expect(gate.refusal(bytes: 700, wallSeconds: 0, seconds: 86_400 - 3_600 + 1) == nil)
    }

    @Test func clocksThatJumpOpenNothing() {
        var gate = PolicyGate(policy(end: 10 * Self.day), job: "night")
        #expect(gate.refusal(bytes: 1_000, wallSeconds: 5 * Self.day, seconds: 0) == nil)
        // A wall clock set forward refills nothing ...
        #expect(gate.refusal(bytes: 1, wallSeconds: 8 * Self.day, seconds: 1) == .daySpent)
        #expect(gate.refusal(bytes: 1, wallSeconds: 10 * Self.day, seconds: 2) == .expired)
        // ... and one set back reopens nothing.
        #expect(gate.refusal(bytes: 1, wallSeconds: 0, seconds: 90_000) == .expired)
        #expect(gate.refusal(bytes: 1, wallSeconds: 0, seconds: .nan) == .expired)
        // Nor does one that was set back before a restart: the audit log knows how late it was.
        var again = PolicyGate(policy(end: 10 * Self.day), job: "night")
        again.remember(bytes: 1, wallSeconds: 10 * Self.day, secondsAgo: 0)
        #expect(again.refusal(bytes: 1, wallSeconds: 0, seconds: 0) == .expired)
    }

    @Test func aPolicyFileIsReadStrictly() throws {
        let whole = """
            {"samples": {"jobs": ["night"], "fields": ["pixels"], "bytes_per_day": 5, "until": "1970-01-02"}}
            """
        let read = try read(whole)
        #expect(read == SitePolicy(jobs: ["night"], fields: [.pixels], bytesPerDay: 5, endSeconds: 2 * Self.day))
        for key in ["jobs", "fields", "bytes_per_day", "until"] {
            let missing = whole.replacing("\"\(key)\"", with: "\"other\"")
            #expect(throws: SpecificationError.self, "\(key)") { try self.read(missing) }
        }
        for (old, new) in [("1970-01-02", "1970-02-30"), ("\"pixels\"", "\"labels\""), (": 5", ": -5")] {
            #expect(throws: SpecificationError.self, "\(new)") { try self.read(whole.replacing(old, with: new)) }
        }
    }

    @Test func daysEndWhereTheCalendarSays() {
        #expect(CalendarDay(parsing: "1970-01-01")?.endSeconds == Self.day)
        // 2000-03-01 is day 11,017, 2026-11-21 is day 20,778 (from 0).
        #expect(CalendarDay(parsing: "2000-03-01")?.endSeconds == 11_018 * Self.day)
        #expect(CalendarDay(parsing: "2026-11-21")?.endSeconds == 20_779 * Self.day)
        for text in ["2026-13-01", "2026-00-10", "2026-11-31", "2027-02-29", "1969-01-01", "26-1-1", "", "2026-11-21 "]
        {
            #expect(CalendarDay(parsing: text) == nil, "\(text)")
        }
    }
}
