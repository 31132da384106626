// SPDX-License-Identifier: Apache-2.0

import Agent
import ArgumentParser
import EventLoop
import Learning
import Ledger
import Randomness
import Rounds
import UpdateCoding

/// Runs an agent until it is asked to stop.
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Run an agent that trains on this machine's data.",
        discussion: """
            Connects to a coordinator, trains when it is asked to, and sends updates; the data stays here. With a state
            folder a finished update survives a crash and is sent after the restart.

            Data: glyphs, idx:DIR, npz:FILE, csv:FILE, text:FILE, each with options, for example part 3 of 20:
              --data "idx:/data/mnist?part=3/20&split=dirichlet:0.5&seed=1"

            Example: tributary agent --connect 127.0.0.1:7400 --id site-1 --data "glyphs?part=1/5"

            With --stream the agent is a device too: it answers the stream for adaptation jobs, and sends the samples
            that it is least sure of, as far as the site's own policy file allows; without one nothing leaves. The
            stream is a data set (its test part, in order) or pipe:PATH (raw bytes, one a value; pipe:- for standard
            input). --data is then the device's own labelled samples, which never leave. Every sample that left is in
            samples-audit.jsonl in the state folder.

            Example: tributary agent --id door-3 --data idx:/data/own --stream pipe:/run/camera --policy site.yaml
              --state /var/lib/door-3

            Exit codes: 0 stopped; 64 usage; 65 unusable data; 66 data cannot be read; 69 the coordinator cannot be
            reached; 73 the state folder cannot be used; 76 no common protocol version, or another agent has this name.
            """
    )

    @Option(help: ArgumentHelp("The coordinator's address.", valueName: "host:port"))
    var connect = "127.0.0.1:7400"

    @Option(help: ArgumentHelp("The agent's name, unique at its coordinator.", valueName: "name"))
    var id: String

    @Option(help: ArgumentHelp("The samples: glyphs, idx:, npz:, csv:FILE or text:FILE, or none.", valueName: "spec"))
    var data: String

    @Option(
        help: ArgumentHelp("The folder of the outbox; without it a restart loses a finished update.", valueName: "dir")
    )
    var state: String?

    @Option(help: ArgumentHelp("The stream for adaptation jobs: a data set, or pipe:PATH.", valueName: "spec"))
    var stream: String?

    @Option(
        help: ArgumentHelp(
            "How fast a data set is played; without it the device waits for the cloud's answers.",
            valueName: "samples/s"
        )
    )
    var streamRate: Double?

    @Option(help: ArgumentHelp("The site's policy: what may leave (YAML). Without it nothing.", valueName: "file"))
    var policy: String?

    @Option(help: ArgumentHelp("How long the first connection is tried; 0s for ever.", valueName: "time"))
    var patience = "30s"

    @Option(
        name: .customLong("label"),
        help: ArgumentHelp("A label for selection; may be repeated.", valueName: "key=value")
    )
    var labels: [String] = []

    @Flag(help: "End with a JSON object on standard output that says why.")
    var json = false

    @OptionGroup var logging: LoggingOption

    func run() async throws {
        try await Failure.reporting {
            let stop = try await runAgent()
            if json { Console.print(try Format.json(AgentStopRecord(stop))) }
            switch stop {
            case .asked: break
            case .unreachable(let why): throw Failure(.unavailable, why)
            case .refused(_, let message): throw Failure(.protocol, message)
            }
        }
    }

    private func runAgent() async throws -> AgentStop {
        let endpoint = try Endpoint.parse(connect, for: "--connect")
        guard let agent = AgentID(id) else {
            throw ValidationError("--id takes 1 to 128 characters out of letters, digits, '.', '_' and '-'")
        }
        guard let patience = DurationText(parsing: patience)?.duration else {
            throw ValidationError("--patience takes a time like 30s")
        }
        let dataset = try Self.load(data)
        let folder = try state.map { try StateFolder(path: $0) }
        let outbox: any UpdateOutbox = try folder.map { try Outbox(in: $0) } ?? MemoryOutbox()
        let site = try StreamOptions(stream: stream, rate: streamRate, policy: policy).site(dataset, folder)
        var random = SystemRandomNumberGenerator()
        var resources = ["samples": Double(dataset.train?.count ?? 0)]
        if site != nil { resources["stream"] = 1 }
        let configuration = AgentConfiguration(
            agent: agent,
            incarnation: random.next(),
            codecs: CodecRegistry.agentNames,
            labels: try parsedLabels(),
            resources: resources,
            software: "tributary/\(Tributary.version)",
            patience: patience == .zero ? nil : patience
        )
        let logger = logging.logger(id)
        Console.ignoreClosedPipes()
        let loop = EventLoop(name: "agent")
        try loop.start()
        let display = StreamDisplay(json: json)
        let daemon = try AgentDaemon(
            endpoint: endpoint,
            configuration: configuration,
            trainer: AgentTrainer(data: dataset, memories: try AgentMemoryStore(in: folder)),
            outbox: outbox,
            site: site,
            loop: loop,
            seed: Seed(random.next()),
            logger: logger,
            observer: { display.show($0) }
        )
        let stopper = Task {
            await StopSignal.wait(on: loop)
            await daemon.stop()
        }
        defer { stopper.cancel() }
        return await daemon.run()
    }

    static func load(_ text: String) throws -> Dataset {
        if text == "none" { return Dataset(name: "none", train: nil, test: nil) }
        return try DataSpecification(parsing: text).load()
    }

    private func parsedLabels() throws -> [String: String] {
        var parsed: [String: String] = [:]
        for label in labels {
            let parts = label.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, parsed.updateValue(parts[1], forKey: parts[0]) == nil else {
                throw ValidationError("--label takes key=value, each key once, not '\(label)'")
            }
        }
        return parsed
    }
}
