// SPDX-License-Identifier: Apache-2.0

extension JobSpecification {
    /// An accuracy that a job aims at.
    public struct Target: Hashable, Sendable, Codable {
        /// The share of held-out samples to be classified rightly, above 0 and at most 1.
        public var accuracy: Double
        /// Whether the job ends as soon as an evaluation reached it: no further round is committed after that.
        public var stops: Bool

        /// Creates a target.
        public init(accuracy: Double, stops: Bool = false) {
            self.accuracy = accuracy
            self.stops = stops
        }

        private enum CodingKeys: String, CodingKey {
            case accuracy
            case stops = "stop"
        }

        /// Reads the `target:` part of a job file.
        public init(from decoder: any Decoder) throws {
            let file = try StrictContainer(decoder, known: ["accuracy", "stop"])
            accuracy = try file.required("accuracy")
            stops = try file.value("stop", default: false)
            try file.check(accuracy > 0 && accuracy <= 1, "accuracy", "above 0 and at most 1")
        }
    }
}
