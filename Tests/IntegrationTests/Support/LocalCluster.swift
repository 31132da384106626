// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A coordinator and agents as processes on the loopback interface, in a folder of their own.
final class LocalCluster {
    /// What a command wrote and how it ended.
    struct Outcome {
        let code: Int32
        let output: String
        let errors: String

        /// The lines of standard error.
        var errorLines: [String] { errors.split(separator: "\n").map(String.init) }
        /// The lines of standard output as JSON.
        func records() throws -> [JSONValue] {
            try output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        }
    }

    let folder: TemporaryFolder
    /// The folder of the coordinator's state.
    var state: String
    /// The coordinator's configuration file.
    var configuration = "reconnect_earliest: 10ms\nreconnect_latest: 100ms\n"
    private(set) var port: UInt16 = 0
    private(set) var coordinators: [ProgramRun] = []
    private(set) var agents: [String: ProgramRun] = [:]
    private var runs: [ProgramRun] = []

    private init() throws {
        folder = try TemporaryFolder()
        state = folder.path("coordinator")
    }

    /// Runs a test with a cluster in which nothing runs yet, and takes everything away after it.
    static func with(_ body: (LocalCluster) async throws -> Void) async throws {
        let cluster = try LocalCluster()
        do {
            try await body(cluster)
        } catch {
            Issue.record("\(error)\n\(cluster.logs)")
            cluster.end()
            throw error
        }
        cluster.end()
    }

    private func end() {
        for run in runs { run.killAll() }
        folder.remove()
    }

    private var logs: String {
        runs.map { "--- \($0.name): \($0.arguments.joined(separator: " "))\n\($0.errors.suffix(1_500))" }
            .joined(separator: "\n")
    }

    /// Starts a process whose end is the cluster's end.
    func start(_ arguments: [String], executable: String = Program.path, name: String) throws -> ProgramRun {
        let run = try ProgramRun(arguments, executable: executable, name: "\(runs.count)-\(name)", in: folder)
        runs.append(run)
        return run
    }

    /// Runs a command to its end.
    func command(_ arguments: String...) async throws -> Outcome {
        let run = try start(arguments, name: arguments[0])
        return Outcome(code: try await run.exitCode(), output: run.output, errors: run.errors)
    }

    // MARK: - The coordinator

    var address: String { "127.0.0.1:\(port)" }

    /// The coordinator that runs, or ran last.
    var coordinator: ProgramRun { coordinators[coordinators.count - 1] }

    /// Starts the coordinator: on a free port the first time, then on the same port with the same state.
    func startCoordinator(further: [String] = []) async throws {
        let file = try folder.write(configuration, to: "coordinator.yaml")
        let arguments = ["coordinator", "--listen", address, "--state", state, "--config", file, "--json"] + further
        // A port that is free for a moment may go to another process as the near end of a connection.
        for _ in 0..<50 {
            let run = try start(arguments, name: "coordinator")
            try await eventually("the coordinator listens") { try Self.port(run) != nil || !run.isRunning }
            if let found = try Self.port(run) {
                port = found
                coordinators.append(run)
                return
            }
            guard port != 0, try await run.exitCode() == 71 else {
                throw TestFailure("the coordinator ended with \(try await run.exitCode()): \(run.errors)")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw TestFailure("the coordinator's port was taken by another process")
    }

    private static func port(_ run: ProgramRun) throws -> UInt16? {
        let address = try run.records().lazy.compactMap { $0["listen"]?.text }.first
        return address?.split(separator: ":").last.flatMap { UInt16($0) }
    }

    /// The events of jobs that the coordinator that runs now has reported.
    func events(_ kind: String? = nil) throws -> [JSONValue] {
        try coordinator.records().filter { $0["event"] != nil && (kind == nil || $0["event"]?.text == kind) }
    }

    /// Waits for the coordinator that runs now to report that many events of a kind.
    func waitForEvents(_ kind: String? = nil, count: Int = 1) async throws {
        let what = kind ?? "events"
        try await eventually("\(count) x \(what)") { try events(kind).count >= count }
    }

    // MARK: - Agents

    /// Starts an agent.
    ///
    /// - Parameters:
    ///   - port: where it connects to, if that is not the coordinator itself.
    ///   - hasState: whether its updates survive it.
    ///   - labels: what it says of itself.
    @discardableResult
    func startAgent(
        _ name: String,
        data: String,
        port: UInt16? = nil,
        hasState: Bool = false,
        labels: [String] = []
    ) throws -> ProgramRun {
        var arguments = ["agent", "--connect", "127.0.0.1:\(port ?? self.port)", "--id", name, "--data", data]
        arguments += ["--patience", "60s"] + labels.flatMap { ["--label", $0] }
        if hasState { arguments += ["--state", folder.path("state-\(name)")] }
        let run = try start(arguments, name: name)
        agents[name] = run
        return run
    }

    /// Starts all agents of a job.
    func startAgents(of job: TestJob, hasState: Bool = false) throws {
        for name in job.agentNames { try startAgent(name, data: job.data(of: name), hasState: hasState) }
    }

    // MARK: - Jobs

    /// Submits a job; returns its name.
    func submit(_ job: TestJob) async throws -> String {
        let file = try folder.write(job.file, to: "\(job.name)-\(job.seed).yaml")
        let outcome = try await command("job", "submit", file, "--coordinator", address, "--json")
        guard outcome.code == 0, let name = try outcome.records().first?["job"]?.text else {
            throw TestFailure("the job was not taken: \(outcome.errors)")
        }
        return name
    }

    /// Begins to watch a job.
    func watch(_ job: String) throws -> ProgramRun {
        try start(["job", "watch", job, "--coordinator", address, "--json"], name: "watch-\(job)")
    }

    /// Waits until a job has finished; returns its last state.
    func finish(_ job: String) async throws -> JSONValue {
        let watch = try watch(job)
        let code = try await watch.exitCode()
        guard code == 0, let status = try watch.records().last?["status"], status["phase"]?.text == "finished" else {
            throw TestFailure("\(job) did not finish: exit code \(code), \(watch.errors)")
        }
        return status
    }

    /// The digest of the model that the simulation makes of a job: that of an undisturbed run.
    func simulatedDigest(of job: TestJob, mode: String = "fast") async throws -> String {
        let file = try folder.write(job.scenario, to: "\(job.name)-\(job.seed).scenario.yaml")
        let outcome = try await command("simulate", file, "--set", "mode=\(mode)", "--json", "--quiet")
        guard outcome.code == 0, let report = try outcome.records().last else {
            throw TestFailure("the simulation failed: \(outcome.errors)")
        }
        return try #require(report["model_digest"]?.text)
    }
}
