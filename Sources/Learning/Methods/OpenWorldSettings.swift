// SPDX-License-Identifier: Apache-2.0

/// What `training.settings` says of FedoSSL (Zhang and others 2023): clients with samples that nobody labelled, also of
/// classes that nobody labelled anywhere.
///
/// | key | meaning | values |
/// |---|---|---|
/// | `fedossl` | whether it is on | 0 or 1 |
/// | `fedossl_seen` | the classes of which samples are labelled: those from 0 | 1 or more; all |
/// | `fedossl_unlabelled` | whether samples without a label count at all | 0 or 1 (1) |
/// | `fedossl_suppression` | weight of the suppressed confidence | 0 or more (2) |
/// | `fedossl_base` | its base, the weight of a class that nothing was taken for | above 0, at most 1 (0.2) |
/// | `fedossl_alignment` | weight of the alignment with the calibrated centroids | 0 or more (0.5) |
/// | `fedossl_floor` | the cluster's probability from which it labels a sample | 0 or more (0.95); above 1 for never |
/// | `fedossl_clusters` | the clusters that a client sends | 1 to 1024 (32) |
/// | `fedossl_supervised` | the first rounds with labelled samples alone | 0 or more (0) |
/// | `fedossl_warm_up` | the rounds before the centroids count; two later they label | 0 or more (5) |
public struct OpenWorldSettings: Sendable, Hashable {
    /// The keys.
    static let keys = [
        "fedossl", "fedossl_seen", "fedossl_unlabelled", "fedossl_suppression", "fedossl_base", "fedossl_alignment",
        "fedossl_floor", "fedossl_clusters", "fedossl_supervised", "fedossl_warm_up",
    ]

    /// The classes of which samples are labelled, from 0; nil for all of the model's.
    public let seenClasses: Int?
    /// Whether samples without a label count.
    public let usesUnlabelled: Bool
    /// The weight of the suppressed confidence; 0 for none.
    public let suppression: Float
    /// The weight of a class that nothing was taken for.
    public let base: Float
    /// The weight of the alignment with the centroids; 0 for no centroids.
    public let alignment: Float
    /// The cluster's probability from which it labels a sample.
    public let clusterFloor: Float
    /// The clusters that a client sends.
    public let clusterCount: Int
    /// The first rounds with labelled samples alone.
    public let supervisedRounds: Int
    /// The rounds before the centroids count.
    public let warmUpRounds: Int

    /// Reads the settings; nil where the method is off.
    init?(_ reader: SettingsReader) throws {
        let isOn = try reader.flag("fedossl")
        seenClasses = try reader.integer("fedossl_seen", in: 1...(1 << 16))
        usesUnlabelled = try (reader.integer("fedossl_unlabelled", in: 0...1) ?? 1) == 1
        suppression = reader.settings["fedossl_suppression"] == nil ? 2 : try reader.factor("fedossl_suppression")
        base = try reader.positive("fedossl_base") ?? 0.2
        alignment = reader.settings["fedossl_alignment"] == nil ? 0.5 : try reader.factor("fedossl_alignment")
        clusterFloor = reader.settings["fedossl_floor"] == nil ? 0.95 : try reader.factor("fedossl_floor")
        clusterCount = try reader.integer("fedossl_clusters", in: 1...1_024) ?? 32
        supervisedRounds = try reader.integer("fedossl_supervised", in: 0...(1 << 20)) ?? 0
        warmUpRounds = try reader.integer("fedossl_warm_up", in: 0...(1 << 20)) ?? 5
        guard base <= 1 else {
            throw LearningError(
                .invalidSpecification,
                "training.settings.fedossl_base must be above 0 and at most 1, not \(base)"
            )
        }
        let strays = reader.settings.keys.filter { $0.hasPrefix("fedossl_") }.sorted()
        guard isOn || strays.isEmpty else {
            throw LearningError(
                .invalidSpecification,
                "training.settings.\(strays[0]) belongs to FedoSSL, which is off; use strategy: fedossl or leave it out"
            )
        }
        if !isOn { return nil }
    }

    /// Whether the server calibrates centroids after a round, from 1.
    public func calibrates(after round: Int) -> Bool { usesUnlabelled && alignment > 0 && round >= warmUpRounds }

    /// The classes of which samples are labelled, of a model.
    public func seenClasses(of model: ModelArchitecture) -> Int {
        min(seenClasses ?? model.classCount, model.classCount)
    }
}
