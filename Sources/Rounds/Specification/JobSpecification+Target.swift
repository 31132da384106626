// SPDX-License-Identifier: Apache-2.0

extension JobSpecification {
    /// An accuracy that a job aims at.
    public struct Target: Hashable, Sendable, Codable {
        /// The share of held-out samples to be classified rightly, above 0 and at most 1.
        public var accuracy: Double
        /// Whether the job ends as soon as an evaluation reached it: no further round is committed after that.
        public var stops: Bool
        /// The evaluations in a row whose mean accuracy is held against it, 1 or more: accuracy that jumps from round
        /// to round reaches a target early by luck.
        public var window: Int

        /// Creates a target.
        public init(accuracy: Double, stops: Bool = false, window: Int = 1) {
            self.accuracy = accuracy
            self.stops = stops
            self.window = window
        }

        private enum CodingKeys: String, CodingKey {
            case accuracy
            case stops = "stop"
            case window
        }

        /// Reads the `target:` part of a job file.
        public init(from decoder: any Decoder) throws {
            let file = try StrictContainer(decoder, known: ["accuracy", "stop", "window"])
            accuracy = try file.required("accuracy")
            stops = try file.value("stop", default: false)
            window = try file.value("window", default: 1)
            try file.check(accuracy > 0 && accuracy <= 1, "accuracy", "above 0 and at most 1")
            try file.check(window >= 1 && window <= 1 << 20, "window", "1 or more")
            try file.check(window == 1 || !stops, "window", "1 where 'stop' ends the job")
        }

        /// Writes what ``init(from:)`` reads.
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(accuracy, forKey: .accuracy)
            try container.encode(stops, forKey: .stops)
            if window > 1 { try container.encode(window, forKey: .window) }
        }
    }
}
