// SPDX-License-Identifier: Apache-2.0

internal import Learning
internal import Rounds
internal import Selection

/// Reads a scenario file: `name`, `seeds`, `threads`, and everything else under `adaptation`.
extension AdaptationScenario: Decodable {
    /// The top-level key by which such a file is told from others.
    public static let key = "adaptation"

    /// Reads the file.
    ///
    /// - Throws: ``SpecificationError``, and what the parts throw.
    public init(from decoder: any Decoder) throws {
        let file = try StrictContainer(decoder, known: Scenarios.headKeys + [Self.key])
        let body: Body = try file.required(Self.key)
        self = body.scenario
        try Scenarios.readHead(file, &name, &seeds, &threads)
    }

    /// What lies under `adaptation`.
    private struct Body: Decodable {
        var scenario: AdaptationScenario

        init(from decoder: any Decoder) throws {
            let known = [
                "data", "methods", "device", "teacher", "stream", "upload", "cloud", "prompt", "delta", "environments",
                "rollback_tolerance", "device_rate", "detection", "calibration", "coding",
            ]
            let file = try StrictContainer(decoder, known: known)
            let data: [String] = try file.required("data")
            try file.check(!data.isEmpty, "data", "a list of data sets")
            scenario = AdaptationScenario(data: data)
            if let methods: [String] = try file.optional("methods") {
                scenario.methods = try methods.map { name in
                    guard let method = Method(rawValue: name) else {
                        let all = Method.allCases.map(\.rawValue).joined(separator: ", ")
                        throw SpecificationError(.invalidValue, "'adaptation.methods' has '\(name)'; known: \(all)")
                    }
                    return method
                }
            }
            scenario.device = try file.value("device", default: Training.Fields(scenario.device)).training
            scenario.teacher = try file.value("teacher", default: Training.Fields(scenario.teacher)).training
            scenario.streams = try file.value("stream", default: Streams.Fields()).streams
            scenario.upload = try file.value("upload", default: Upload.Fields()).upload
            scenario.cloud = try file.value("cloud", default: CloudFields()).configuration
            if let text: String = try file.optional("coding") {
                scenario.coding = try Scenarios.value { try .init(parsing: text) }
            }
            let parts = AdaptedParts(prompt: scenario.prompt, delta: scenario.delta)
            (scenario.prompt, scenario.delta) = try parts.reading(file)
            let environments = try file.value("environments", default: EnvironmentFields())
            scenario.environmentRadius = environments.radius
            scenario.inheritance = environments.inheritance
            scenario.rollbackTolerance = try file.value("rollback_tolerance", default: scenario.rollbackTolerance)
            scenario.deviceRate = try file.value("device_rate", default: scenario.deviceRate)
            try file.check(scenario.rollbackTolerance >= 0, "rollback_tolerance", "0 or more")
            try file.check(scenario.deviceRate >= 0 && scenario.deviceRate.isFinite, "device_rate", "0 or more")
            scenario.calibration = try file.choice("calibration", default: scenario.calibration)
            let detection = try file.value("detection", default: DetectionFields())
            scenario.detection = detection.detection
        }
    }

    /// The keys `prompt` and `delta`.
    struct AdaptedParts {
        var prompt: PromptShape.Region?
        var delta: Set<DeltaLayout.Part>

        func reading(_ file: StrictContainer) throws -> (PromptShape.Region?, Set<DeltaLayout.Part>) {
            var (prompt, delta) = (prompt, delta)
            if let text: String = try file.optional("prompt") {
                prompt = text == "none" ? nil : try Scenarios.value { try .init(parsing: text) }
            }
            if let names: [String] = try file.optional("delta") {
                let parts = names.compactMap(DeltaLayout.Part.init)
                try file.check(
                    parts.count == names.count && !parts.contains(.statistics),
                    "delta",
                    "a list of affine, bias and head"
                )
                delta = Set(parts)
            }
            return (prompt, delta)
        }
    }

    struct EnvironmentFields: Decodable {
        var radius: Float = 0.3
        var inheritance: Float = 0.6

        init() {}
        init(from decoder: any Decoder) throws {
            let file = try StrictContainer(decoder, known: ["radius", "inheritance"])
            radius = try file.value("radius", default: radius)
            inheritance = try file.value("inheritance", default: inheritance)
            try file.check(radius >= 0 && radius.isFinite, "radius", "0 or more")
            try file.check(inheritance >= 0 && inheritance.isFinite, "inheritance", "0 or more")
        }
    }

    private struct DetectionFields: Decodable {
        var detection = Detection(outside: nil, samples: 2_000, isEnabled: true)

        init() {}
        init(from decoder: any Decoder) throws {
            let file = try StrictContainer(decoder, known: ["enabled", "outside", "samples"])
            detection.isEnabled = try file.value("enabled", default: true)
            detection.outside = try file.optional("outside")
            detection.samples = try file.value("samples", default: 2_000)
            try file.check((16...1_000_000).contains(detection.samples), "samples", "between 16 and 1000000")
        }
    }
}

/// What all scenario files share: their head, and errors of other modules as those of a file.
enum Scenarios {
    /// The keys of every scenario file beside its own one.
    static let headKeys = ["name", "seeds", "seed", "threads"]

    /// Reads ``headKeys``; what is missing stays as it is.
    static func readHead(
        _ file: StrictContainer,
        _ name: inout String,
        _ seeds: inout [UInt64],
        _ threads: inout Int
    ) throws {
        name = try file.value("name", default: name)
        seeds = try file.value("seeds", default: seeds)
        if let seed: UInt64 = try file.optional("seed") { seeds = [seed] }
        threads = try file.value("threads", default: threads)
        try file.check(!seeds.isEmpty && seeds.count <= 1_000, "seeds", "a list of 1 to 1000 numbers")
        try file.check(threads >= 0 && threads <= 1_024, "threads", "0 (one a core) or more")
    }

    static func value<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as AdaptationError {
            throw SpecificationError(.invalidValue, error.message)
        } catch let error as LearningError {
            throw SpecificationError(.invalidValue, error.message)
        } catch let error as SelectionError {
            throw SpecificationError(.invalidValue, error.message)
        }
    }
}
