// SPDX-License-Identifier: Apache-2.0

/// Refuses a sample that is too similar to those lately sent: diversity for a stream, in constant memory.
///
/// It keeps the features of the last `memory` samples that were sent. A sample whose distance to the nearest of them is
/// below `similarity` times the usual such distance (an exponential average over what was looked at) is not new. The
/// scale of the features thus does not matter, and with time what was sent is forgotten.
public struct NoveltyFilter: Sendable {
    /// How much is remembered, and what counts as similar.
    public struct Configuration: Sendable, Hashable, Codable {
        /// The samples that are remembered, 1 to 4096.
        public var memory: Int
        /// The fraction of the usual distance below which a sample is too similar, 0 to 1.
        public var similarity: Double

        /// Creates a configuration.
        public init(memory: Int = 32, similarity: Double = 0.5) {
            self.memory = memory
            self.similarity = similarity
        }
    }

    /// The weight of a new distance in the usual distance.
    static let distanceWeight = 0.05

    /// The configuration.
    public let configuration: Configuration
    private var remembered: [[Float]] = []
    private var oldest = 0
    private var usualDistance = 0.0
    private var distanceCount = 0

    /// Creates a filter that has seen nothing.
    ///
    /// - Throws: ``SelectionError`` with code `invalidParameter`.
    public init(_ configuration: Configuration = Configuration()) throws {
        guard (1...4_096).contains(configuration.memory), (0...1).contains(configuration.similarity) else {
            throw SelectionError(
                .invalidParameter,
                "a novelty filter remembers 1 to 4096 samples (\(configuration.memory)) and calls similar what lies "
                    + "within a fraction from 0 to 1 (\(configuration.similarity)) of the usual distance"
            )
        }
        self.configuration = configuration
    }

    /// Whether features are finite numbers.
    public static func isUsable(_ features: [Float]) -> Bool { features.allSatisfy(\.isFinite) }

    /// Whether a sample is new enough; also learns what distances are usual.
    ///
    /// Samples with another number of features than those remembered are new.
    public mutating func isNew(_ features: [Float]) -> Bool {
        var nearest = Double.infinity
        for other in remembered where other.count == features.count {
            var sum = 0.0
            for index in features.indices {
                let difference = Double(features[index]) - Double(other[index])
                sum += difference * difference
            }
            nearest = min(nearest, sum)
        }
        guard nearest.isFinite else { return true }
        let distance = nearest.squareRoot()
        let usual = usualDistance
        distanceCount = min(distanceCount + 1, 1 << 30)
        usualDistance += max(Self.distanceWeight, 1 / Double(distanceCount)) * (distance - usualDistance)
        return distanceCount == 1 ? distance > 0 : distance >= configuration.similarity * usual && distance > 0
    }

    /// Remembers a sample that is sent.
    public mutating func remember(_ features: [Float]) {
        if remembered.count < configuration.memory {
            remembered.append(features)
        } else {
            remembered[oldest] = features
            oldest = (oldest + 1) % configuration.memory
        }
    }
}
