// SPDX-License-Identifier: Apache-2.0

public import Learning
public import Rounds

/// What a simulation runs: a job, and the clients, data and network that it would meet.
public struct Scenario: Sendable, Codable {
    /// How the simulation works.
    public enum Mode: String, Sendable, Codable, CaseIterable {
        /// Passes values and trains the clients on all cores: for research.
        case fast
        /// Runs coordinator and agents over a virtual network and clock with real encoded bytes: for tests of the
        /// protocol.
        case `protocol`
    }

    /// The job. Its `minimum_agents` is the number of clients unless the file says otherwise.
    public var job: JobSpecification
    /// How the simulation works.
    public var mode: Mode
    /// The number of virtual clients.
    public var clients: Int
    /// Where the samples come from, as `--data` has it, without `part`.
    public var data: String
    /// How the samples are dealt to the clients: `iid`, `dirichlet:0.5`, `shards:2`, `natural`; nil for what `data`
    /// says.
    public var split: String?
    /// Threads that train; 0 for one a core.
    public var threads: Int
    /// Whose kernels train. Others than the own ones: mode `fast` only.
    public var kernels: TrainingKernels
    /// The Byzantine clients; nil for none. Mode `fast` only.
    public var attack: AttackSpecification?
    /// Whether each round's loss is decomposed into its local, distribution-shift and aggregation parts, which costs
    /// m x m evaluations for m clients. Mode `fast` only.
    public var diagnose: Bool
    /// The share of the training samples that is held out and evaluated on in place of the test samples, for choosing
    /// settings; 0 for the test samples.
    public var validation: Double

    /// What clients say of themselves, by the labels' names: the values are dealt to the clients in turn.
    public var labels: [String: LabelValues]

    /// The clients' devices, which decide when updates arrive; nil for at once. Mode `fast` only.
    public var devices: DeviceSpecification?

    private static let ownKeys = [
        "mode", "clients", "data", "split", "threads", "attack", "diagnose", "devices", "validation", "labels",
        "kernels",
    ]

    /// Reads a scenario file: the keys of a job file and `mode`, `clients`, `data`, `split`, `threads`.
    public init(from decoder: any Decoder) throws {
        let file = try StrictContainer(decoder, known: JobSpecification.knownKeys + Self.ownKeys)
        job = try JobSpecification(file)
        mode = try file.choice("mode", default: .fast)
        clients = try file.value("clients", default: 10)
        data = try file.value("data", default: "glyphs")
        split = try file.optional("split")
        threads = try file.value("threads", default: 0)
        try file.check(clients >= 1 && clients <= 10_000_000, "clients", "between 1 and 10000000")
        try file.check(threads >= 0 && threads <= 1_024, "threads", "0 (one a core) or more")
        kernels = try file.choice("kernels", default: .own)
        try file.check(mode == .fast || kernels == .own, "mode", "fast with 'kernels' other than own")
        attack = try file.optional("attack")
        diagnose = try file.value("diagnose", default: false)
        devices = try file.optional("devices")
        try file.check(mode == .fast || devices == nil, "mode", "fast with 'devices'")
        validation = try file.value("validation", default: 0)
        try file.check(validation >= 0 && validation < 1, "validation", "at least 0 and below 1")
        try file.check((attack?.clients ?? 0) < clients, "attack.clients", "fewer than 'clients'")
        try file.check(mode == .fast || (attack == nil && !diagnose), "mode", "fast with 'attack' or 'diagnose'")
        labels = try file.value("labels", default: [:])
        if try file.optional("minimum_agents") as Int? == nil { job.minimumAgents = clients }
        try file.check(job.minimumAgents <= clients, "minimum_agents", "at most the number of clients")
    }

    /// Writes the job's keys and the scenario's own.
    public func encode(to encoder: any Encoder) throws {
        try job.encode(to: encoder)
        var container = encoder.container(keyedBy: StrictContainer.Key.self)
        try container.encode(mode, forKey: .init(stringValue: "mode"))
        try container.encode(clients, forKey: .init(stringValue: "clients"))
        try container.encode(data, forKey: .init(stringValue: "data"))
        try container.encodeIfPresent(split, forKey: .init(stringValue: "split"))
        try container.encode(threads, forKey: .init(stringValue: "threads"))
        if kernels != .own { try container.encode(kernels, forKey: .init(stringValue: "kernels")) }
        try container.encodeIfPresent(attack, forKey: .init(stringValue: "attack"))
        try container.encodeIfPresent(devices, forKey: .init(stringValue: "devices"))
        if !labels.isEmpty { try container.encode(labels, forKey: .init(stringValue: "labels")) }
        if validation > 0 { try container.encode(validation, forKey: .init(stringValue: "validation")) }
        if diagnose { try container.encode(diagnose, forKey: .init(stringValue: "diagnose")) }
    }

    /// The clients that have samples and train on them.
    public var honestClients: Int { clients - (attack?.clients ?? 0) }

    /// The clients' names, in order.
    public var agents: [AgentID] {
        (1...clients).map { AgentID(number: $0, of: clients) }
    }
}
