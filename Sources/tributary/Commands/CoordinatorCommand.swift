// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Coordinator
import CoreMetrics
import EventLoop
import Foundation
import Logging
import Rounds

/// Runs a coordinator until it is asked to stop.
struct CoordinatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coordinator",
        abstract: "Run a coordinator daemon.",
        discussion: """
            Keeps its journal, its spool and the models' checkpoints in the state folder: killed at any
            moment, it goes on with the same round when it is started again. Stops in order on SIGTERM or SIGINT.

            Example: tributary coordinator --listen 0.0.0.0:7400 --state /var/lib/tributary

            The configuration file (YAML) may set: heartbeat, silence_limit, reconnect_earliest, reconnect_latest,
            agent_grace, hello_limit (times like 20s), concurrent_uploads, chunk_bytes.

            With --json the first line on standard output is {"listen": "HOST:PORT"}, then a line for each
            event of a job.

            Exit codes: 0 stopped; 64 usage; 65 bad configuration; 66 configuration cannot be read; 71 address in use;
            73 state folder cannot be used.
            """
    )

    @Option(help: ArgumentHelp("Where to listen; port 0 lets the system choose.", valueName: "host:port"))
    var listen = "127.0.0.1:7400"

    @Option(help: ArgumentHelp("The folder of journal, spool and checkpoints.", valueName: "dir"))
    var state: String

    @Option(help: ArgumentHelp("A YAML file with the coordinator's knobs.", valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp(
            "Keep counters of rounds, updates and bytes in this file, in Prometheus' text format.",
            valueName: "file"
        )
    )
    var metrics: String?

    @Flag(help: "Write events to standard output, a JSON object a line.")
    var json = false

    @OptionGroup var logging: LoggingOption

    func run() async throws {
        try await Failure.reporting {
            let endpoint = try Endpoint.parse(listen, for: "--listen")
            let configuration = try config.map { try CoordinatorFile.read($0) } ?? CoordinatorConfiguration()
            let options = CoordinatorDaemon.Options(
                listen: endpoint,
                stateDirectory: state,
                configuration: configuration
            )
            let logger = logging.logger("coordinator")
            let loop = EventLoop(name: "coordinator")
            try loop.start()
            Console.ignoreClosedPipes()
            FileLimit.raise()
            let events = json ? EventWriter() : nil
            let metrics = metrics.map { MetricsFile(path: $0) }
            if let metrics { MetricsSystem.bootstrap(metrics) }
            let daemon = try CoordinatorDaemon(options: options, loop: loop, logger: logger) { event in
                if let metrics, event.kind != .roundStarted { Self.write(metrics, logger) }
                if let events, let line = try? Format.json(EventRecord(event)) { events.write(line) }
            }
            do {
                try await daemon.start { address in
                    if let events, let line = try? Format.json(["listen": "\(address)"]) { events.write(line) }
                }
            } catch let error as EventLoopError {
                throw Failure(.cannotListen, error.message)
            }
            await StopSignal.wait(on: loop)
            logger.info("stopping")
            await daemon.stop()
        }
    }

    /// A disk that takes no metrics stops nothing.
    private static func write(_ metrics: MetricsFile, _ logger: Logger) {
        do {
            try metrics.write()
        } catch {
            logger.warning("the metrics cannot be written: \(error.localizedDescription)")
        }
    }
}

/// One event of a job as a line of JSON.
struct EventRecord: Encodable {
    let event: String
    let message: String
    let status: StatusRecord

    init(_ event: JobEvent) {
        self.event = "\(event.kind)"
        message = event.message
        status = StatusRecord(event.status)
    }
}
