// SPDX-License-Identifier: Apache-2.0

extension JobSpecification {
    /// How vectors are coded on the way up and down.
    public struct Coding: Hashable, Sendable, Codable {
        /// The codec of updates; with a memory on the agent (`topk:fraction=0.01+ef14`) or without.
        public var uplink: String
        /// The codec of models, or, with anchors, of the changes between them.
        public var downlink: String
        /// The codec of anchors: nil sends every model whole in the codec `downlink`. With anchors, the first model of
        /// every ``anchorEvery`` rounds travels whole in this codec, and those between as coded changes of what agents
        /// hold already.
        public var anchor: String?
        /// The rounds from one anchor to the next, 1 or more.
        public var anchorEvery: Int

        /// Creates a choice of codecs.
        public init(uplink: String = "fp32", downlink: String = "fp32", anchor: String? = nil, anchorEvery: Int = 20) {
            self.uplink = uplink
            self.downlink = downlink
            self.anchor = anchor
            self.anchorEvery = anchorEvery
        }

        /// The names of the codecs and wrappers that an agent has to know to take part: `topk` and `ef14` of
        /// `topk:fraction=0.01+ef14`.
        public var requiredNames: Set<String> {
            let texts = [uplink, downlink] + (anchor.map { [$0] } ?? [])
            let parts = texts.flatMap { $0.split(separator: "+") }
            return Set(parts.compactMap { $0.split(separator: ":").first.map(String.init) })
        }

        private enum CodingKeys: String, CodingKey {
            case uplink
            case downlink
            case anchor
            case anchorEvery = "anchor_every"
        }

        /// Reads the `codec:` part of a job file.
        public init(from decoder: any Decoder) throws {
            let file = try StrictContainer(decoder, known: ["uplink", "downlink", "anchor", "anchor_every"])
            uplink = try file.value("uplink", default: "fp32")
            downlink = try file.value("downlink", default: "fp32")
            anchor = try file.optional("anchor")
            anchorEvery = try file.value("anchor_every", default: 20)
            try file.check(
                anchorEvery >= 1 && anchorEvery <= Limits.chainParts,
                "anchor_every",
                "between 1 and \(Limits.chainParts)"
            )
        }
    }
}
