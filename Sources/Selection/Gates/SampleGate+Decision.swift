// SPDX-License-Identifier: Apache-2.0

extension SampleGate {
    /// Why a sample was or was not selected; the texts are stable and go to logs and reports.
    public enum Reason: String, Sendable, Hashable, CaseIterable, Codable {
        /// Selected: its score is among the highest.
        case uncertain
        /// Selected: drawn for the uniform reserve.
        case reserve
        /// Its score is not among the highest.
        case belowThreshold = "below-threshold"
        /// Too few scores are known to judge by.
        case warmingUp = "warming-up"
        /// The score is infinite or not a number.
        case scoreNotFinite = "score-not-finite"
        /// The features hold a value that is infinite or not a number.
        case featuresNotFinite = "features-not-finite"
        /// It resembles samples that were just selected.
        case tooSimilar = "too-similar"
        /// No drift: the uplink is closed to all but the reserve.
        case uplinkClosed = "uplink-closed"
        /// The window's bytes are spent.
        case budgetSpent = "budget-spent"
        /// The bytes come faster than the bucket fills.
        case byteRateExceeded = "byte-rate-exceeded"
        /// The samples come faster than the bucket fills; the gate did not look at it.
        case flooded
        /// It has more bytes than a sample may have.
        case sampleTooLarge = "sample-too-large"
        /// A negative number of bytes.
        case invalidSize = "invalid-size"

        /// Whether the sample is selected.
        public var isSelected: Bool { self == .uncertain || self == .reserve }
    }

    /// What becomes of a sample.
    public struct Decision: Sendable, Hashable {
        /// Why.
        public let reason: Reason
        /// Whether the uniform reserve drew the sample, selected or not.
        public let isReserve: Bool

        /// Whether the sample is selected.
        public var isSelected: Bool { reason.isSelected }
    }
}
