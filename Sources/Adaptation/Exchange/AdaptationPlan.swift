// SPDX-License-Identifier: Apache-2.0

internal import Learning
public import Rounds

/// The `adaptation:` part of a job: what devices send of their streams, how the cloud learns, what devices are sent.
public struct AdaptationPlan: Sendable {
    /// A model's file on the coordinator's machine.
    public struct Teacher: Sendable, Hashable {
        /// The model.
        public var model: ModelSpecification
        /// The safetensors file of its parameters.
        public var parameters: String
    }

    /// The file of the parameters that devices begin with; nil in what devices are told.
    public var source: String?
    /// The cloud's stronger model; nil in what devices are told.
    public var teacher: Teacher?
    /// What is sent.
    public var upload: AdaptationScenario.Upload
    /// How the cloud learns.
    public var cloud = CloudConfiguration()
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
    /// How the device's temperature is found on its held-out part.
    public var calibration = DeviceCalibration.Method.temperature
    /// How samples are coded.
    public var coding = SampleCoding.bytes
    /// How many samples a device answers at once.
    public var batchSize = 30
    /// The most bytes of samples that one device may send in a day; nil for no bound.
    public var bytesPerDay: Int?

    /// What a scenario's devices and clouds are told.
    init(_ scenario: AdaptationScenario) {
        upload = scenario.upload
        cloud = scenario.cloud
        prompt = scenario.prompt
        delta = scenario.delta
        environmentRadius = scenario.environmentRadius
        inheritance = scenario.inheritance
        rollbackTolerance = scenario.rollbackTolerance
        calibration = scenario.calibration
        coding = scenario.coding
        batchSize = scenario.streams.batchSize
    }

    /// The keys of the part, and those of them that devices are not told.
    static let known = [
        "source", "teacher", "upload", "cloud", "prompt", "delta", "environments", "rollback_tolerance", "calibration",
        "coding", "batch_size", "bytes_per_day",
    ]
    /// What only the coordinator has to know: where files lie, and how it learns.
    public static let coordinatorsKeys = ["source", "teacher", "cloud", "bytes_per_day"]
}

extension AdaptationPlan: Decodable {
    /// Reads the part.
    ///
    /// - Throws: ``SpecificationError``.
    public init(from decoder: any Decoder) throws {
        let file = try StrictContainer(decoder, known: Self.known)
        self.init(AdaptationScenario(data: []))
        source = try file.optional("source")
        teacher = try (file.optional("teacher") as TeacherFields?)?.teacher
        upload = try file.value("upload", default: AdaptationScenario.Upload.Fields()).upload
        cloud = try file.value("cloud", default: CloudFields()).configuration
        let parts = AdaptationScenario.AdaptedParts(prompt: prompt, delta: delta)
        (prompt, delta) = try parts.reading(file)
        let environments = try file.value("environments", default: AdaptationScenario.EnvironmentFields())
        (environmentRadius, inheritance) = (environments.radius, environments.inheritance)
        rollbackTolerance = try file.value("rollback_tolerance", default: rollbackTolerance)
        try file.check(rollbackTolerance >= 0, "rollback_tolerance", "0 or more")
        calibration = try file.choice("calibration", default: calibration)
        if let text: String = try file.optional("coding") { coding = try Scenarios.value { try .init(parsing: text) } }
        batchSize = try file.value("batch_size", default: batchSize)
        try file.check((2...4_096).contains(batchSize), "batch_size", "between 2 and 4096")
        bytesPerDay = try file.optional("bytes_per_day")
        try file.check(bytesPerDay.map { $0 >= 0 } ?? true, "bytes_per_day", "0 or more")
        try file.check(
            upload.choice == .gate || upload.budget != nil,
            "upload.budget",
            "set where 'choice' is not gate: a stream has no end to share a rate over"
        )
    }

    private struct TeacherFields: Decodable {
        let teacher: Teacher

        init(from decoder: any Decoder) throws {
            let file = try StrictContainer(decoder, known: ["model", "parameters"])
            teacher = Teacher(model: try file.required("model"), parameters: try file.required("parameters"))
        }
    }
}
