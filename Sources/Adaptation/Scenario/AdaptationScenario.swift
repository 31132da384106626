// SPDX-License-Identifier: Apache-2.0

public import Learning
public import Rounds
public import Selection

/// What a simulation of cloud and device on drifting streams runs: data, models, streams, methods.
public struct AdaptationScenario: Sendable {
    /// A way to live with a stream.
    public enum Method: String, Sendable, Hashable, CaseIterable, Codable {
        /// The model as it was delivered.
        case source
        /// The device alone: statistics of each batch.
        case statistics
        /// The device alone: statistics of each batch and entropy minimisation (TENT).
        case device
        /// The device alone: statistics of each batch and a mean teacher.
        case meanTeacher = "mean-teacher"
        /// With the cloud: samples drawn uniformly.
        case uniform
        /// With the cloud: the samples that the device is least sure of, and a uniform reserve.
        case uncertainty
        /// With the cloud: every sample.
        case all

        /// Whether the method sends samples.
        public var usesCloud: Bool { self == .uniform || self == .uncertainty || self == .all }
    }

    /// How a model is trained before the streams begin.
    public struct Training: Sendable, Hashable {
        /// The model.
        public var model: ModelSpecification
        /// The samples to train on.
        public var samples: Int
        /// Passes over them; a last one at a tenth of the rate follows.
        public var epochs: Int
        /// The learning rate.
        public var learningRate: Double
        /// The fraction of the samples that are corrupted at random; 0 for clean training.
        public var corruptedFraction: Double
    }

    /// The worlds that a stream passes through.
    public struct Streams: Sendable, Hashable {
        /// The corruptions.
        public var corruptions: [ImageCorruption]
        /// The strengths.
        public var strengths: [Int]
        /// How long an environment lasts.
        public var samplesPerPhase: Int
        /// How often each environment comes.
        public var cycles: Int
        /// Whether strengths rise step by step in each corruption.
        public var isGradual: Bool
        /// How many samples a device answers at once.
        public var batchSize: Int

        /// The samples of a stream.
        public var sampleCount: Int { corruptions.count * strengths.count * samplesPerPhase * cycles }
    }

    /// What is sent to the cloud.
    public struct Upload: Sendable, Hashable {
        /// How the method `uncertainty` chooses.
        public enum Choice: String, Sendable, Hashable, CaseIterable, Codable {
            /// Sample by sample: those above a quantile of the last scores.
            case gate
            /// From each batch: the largest total score that fits.
            case knapsack
            /// From each batch: unsure ones whose features cover those of the others.
            case kCenter = "k-center"
            /// From each batch: drawn in proportion to the scores.
            case reservoir
        }

        /// What scores of several passes compare.
        public enum Passes: String, Sendable, Hashable, CaseIterable, Codable {
            /// Dropout of the last layer's channels: one inference.
            case lastLayer = "last-layer"
            /// Images moved and lit differently: as many inferences as passes.
            case augmentation
        }

        /// A byte budget.
        public struct Budget: Sendable, Hashable {
            /// The bytes of samples that may be sent.
            public var bytes: Int
            /// In every so many samples of the stream.
            public var samples: Int
        }

        /// The fraction of the samples.
        public var rate: Double
        /// The fraction of these that the method `uncertainty` draws uniformly.
        public var reserve: Double
        /// What the method `uncertainty` goes by.
        public var score: UncertaintyScore
        /// The passes, for scores that compare passes.
        public var passes: Int
        /// What these compare.
        public var passesBy = Passes.lastLayer
        /// How many scores the gate remembers.
        public var window: Int
        /// How the method `uncertainty` chooses.
        public var choice = Choice.gate
        /// The byte budget of `uniform` and `uncertainty`; nil for what the rate sends of the whole stream.
        public var budget: Budget?
        /// Sends for the score only while the scores drift upwards; nil for always.
        public var drift: DriftDetector.Configuration?
        /// Leaves out what resembles what was just sent (choice `gate`); nil for none.
        public var novelty: NoveltyFilter.Configuration?
    }

    /// The tables of detection and cascade.
    public struct Detection: Sendable, Hashable {
        /// Unfamiliar images; nil for none.
        public var outside: String?
        /// The images of each kind.
        public var samples: Int
        /// Whether the tables are made.
        public var isEnabled: Bool
    }

    /// The scenario's name.
    public var name = "continual-adaptation"
    /// The seeds; everything runs once for each.
    public var seeds: [UInt64] = [1, 2, 3]
    /// Threads; 0 for one a core.
    public var threads = 0
    /// Where the images come from, as `--data` has it; everything runs once for each.
    public var data: [String] = []
    /// The methods, in order.
    public var methods: [Method] = Method.allCases
    /// The device's model.
    public var device = Training(
        model: ModelSpecification(kind: "small-cnn"),
        samples: 20_000,
        epochs: 4,
        learningRate: 0.02,
        corruptedFraction: 0
    )
    /// The cloud's teacher.
    public var teacher = Training(
        model: ModelSpecification(kind: "cnn", settings: ["width": 32, "dense": 256]),
        samples: 40_000,
        epochs: 3,
        learningRate: 0.02,
        corruptedFraction: 0.85
    )
    /// The streams.
    public var streams = Streams(
        corruptions: ImageCorruption.allCases,
        strengths: Array(ImageCorruption.strengths),
        samplesPerPhase: 150,
        cycles: 3,
        isGradual: false,
        batchSize: 30
    )
    /// What is sent.
    public var upload = Upload(rate: 0.1, reserve: 0.1, score: .margin, passes: 10, window: 4_000)
    /// How the device's temperature is found on its held-out part.
    public var calibration = DeviceCalibration.Method.temperature
    /// How the cloud learns.
    public var cloud = CloudConfiguration()
    /// How samples are coded.
    public var coding = SampleCoding.bytes
    /// The prompt's region; nil for no prompt.
    public var prompt: PromptShape.Region? = .full
    /// What the delta holds.
    public var delta: Set<DeltaLayout.Part> = [.affine, .bias, .head]
    /// How near keys of one environment lie.
    public var environmentRadius: Float = 0.3
    /// How near another environment's prompt is a better start than none.
    public var inheritance: Float = 0.6
    /// How far a device's held-out score may fall before an update is rolled back, in nats.
    public var rollbackTolerance = 0.25
    /// The rate of entropy minimisation and of the mean teacher's student.
    public var deviceRate: Float = 0.0003
    /// The tables.
    public var detection = Detection(outside: nil, samples: 2_000, isEnabled: true)

    /// Creates a scenario with default numbers over some data.
    public init(data: [String]) { self.data = data }
}
