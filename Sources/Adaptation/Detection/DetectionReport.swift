// SPDX-License-Identifier: Apache-2.0

/// How well scores tell what the device does not know, and what answering together with the cloud brings.
public struct DetectionReport: Sendable, Hashable, Codable {
    /// One score.
    public struct Row: Sendable, Hashable, Codable {
        /// The score's name.
        public var score: String
        /// Against unfamiliar images; nil without any.
        public var outsideAUROC: Double?
        /// Against unfamiliar images, as average precision.
        public var outsideAUPRC: Double?
        /// Against corrupted images of the stream.
        public var corruptedAUROC: Double
        /// Against corrupted images of the stream, as average precision.
        public var corruptedAUPRC: Double
        /// The areas under risk and coverage of the device's answers on the stream.
        public var aurc: Double
        /// What of it is above an oracle's.
        public var excessAURC: Double
        /// The area under the generalised risk.
        public var augrc: Double

        enum CodingKeys: String, CodingKey {
            case score, aurc, augrc
            case outsideAUROC = "outside_auroc"
            case outsideAUPRC = "outside_auprc"
            case corruptedAUROC = "corrupted_auroc"
            case corruptedAUPRC = "corrupted_auprc"
            case excessAURC = "excess_aurc"
        }
    }

    /// Every score.
    public var scores: [Row]
    /// The cascade of device and teacher on the stream.
    public var cascade: CascadeReport

    /// The best AUROC against unfamiliar images, and its score.
    public var best: (score: String, auroc: Double)? {
        scores.compactMap { row in row.outsideAUROC.map { (row.score, $0) } }.max { $0.1 < $1.1 }
    }
}
