// SPDX-License-Identifier: Apache-2.0

public import Selection

/// Why each agent of a cohort was chosen, in the cohort's order.
///
/// A round of thousands that were all drawn in the same way keeps one reason for all.
public struct SelectionReasons: Sendable, Hashable {
    /// Why one agent was chosen.
    public struct Reason: Sendable, Hashable, CustomStringConvertible {
        /// The stable name of the reason.
        public var rule: ClientChoice.Reason
        /// The number that decided: samples, loss, or uncertainty times staleness; nil for uniform draws.
        public var value: Double?

        /// Creates a reason.
        public init(_ rule: ClientChoice.Reason, value: Double? = nil) {
            self.rule = rule
            self.value = value
        }

        /// The name, and the number where there is one: `high-loss:1.25`.
        public var description: String { value.map { "\(rule.rawValue):\($0)" } ?? rule.rawValue }
    }

    private var reasons: [Reason]
    /// The agents of the cohort.
    public let count: Int

    /// Takes the reasons in the cohort's order.
    public init(_ reasons: [Reason]) {
        count = reasons.count
        let isSame = reasons.dropFirst().allSatisfy { $0.rule == reasons[0].rule && $0.value == nil }
        self.reasons = isSame && reasons.first?.value == nil ? Array(reasons.prefix(1)) : reasons
    }

    /// One reason for all.
    public init(_ rule: ClientChoice.Reason, count: Int) {
        self.count = count
        reasons = count > 0 ? [Reason(rule)] : []
    }

    /// Why the agent at a place of the cohort was chosen.
    public subscript(position: Int) -> Reason { reasons.count == 1 ? reasons[0] : reasons[position] }

    /// How many were chosen for each reason, in the order of the reasons' names.
    public var counts: [(rule: ClientChoice.Reason, count: Int)] {
        guard reasons.count != 1 else { return [(reasons[0].rule, count)] }
        var counts: [ClientChoice.Reason: Int] = [:]
        for reason in reasons { counts[reason.rule, default: 0] += 1 }
        return counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { ($0.key, $0.value) }
    }

    // MARK: Text

    /// The reasons with spaces between them; one for all where they are the same.
    public var text: String { reasons.map(\.description).joined(separator: " ") }

    /// Reads ``text``; nil where it is none of a cohort of this size.
    public init?(parsing text: String, count: Int) {
        var reasons: [Reason] = []
        for word in text.split(separator: " ") {
            let parts = word.split(separator: ":", maxSplits: 1)
            guard let rule = ClientChoice.Reason(rawValue: String(parts[0])) else { return nil }
            guard parts.count > 1 else {
                reasons.append(Reason(rule))
                continue
            }
            guard let value = Double(parts[1]) else { return nil }
            reasons.append(Reason(rule, value: value))
        }
        guard reasons.count == count || (reasons.count == 1 && count > 0) else { return nil }
        self.reasons = reasons
        self.count = count
    }
}
