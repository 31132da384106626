// SPDX-License-Identifier: Apache-2.0

import EventLoop
import FoundationEssentials
import Glibc
import Operations
import Rounds

/// A coordinator and agents as processes on this machine, in a folder of their own.
final class LocalFederation: @unchecked Sendable {
    // Sendable: used by one command; `interrupt` only sends signals.
    let directory: String
    let endpoint: TCPEndpoint
    private(set) var coordinator: ChildProcess
    private(set) var agents: [ChildProcess] = []
    private let keeps: Bool

    /// Starts a coordinator on a free port of the loopback interface.
    ///
    /// - Parameters:
    ///   - directory: where state and logs go; nil for a temporary folder that is removed in the end.
    ///   - coordinatorArguments: further arguments of the coordinator.
    init(directory: String? = nil, coordinatorArguments: [String] = []) throws {
        keeps = directory != nil
        self.directory = try directory ?? Self.temporaryDirectory()
        try FileManager.default.createDirectory(atPath: self.directory, withIntermediateDirectories: true)
        coordinator = try ChildProcess(
            ["coordinator", "--listen", "127.0.0.1:0", "--state", "\(self.directory)/coordinator", "--json"]
                + coordinatorArguments,
            readsOutput: true,
            log: "\(self.directory)/coordinator.log"
        )
        struct Address: Decodable { let listen: String }
        guard let line = coordinator.readLine(),
            let address = try? JSONDecoder().decode(Address.self, from: Data(line.utf8))
        else {
            let log = (try? String(contentsOfFile: "\(self.directory)/coordinator.log", encoding: .utf8)) ?? ""
            throw Failure(.software, "the coordinator did not start: \(log.split(separator: "\n").last ?? "")")
        }
        endpoint = try TCPEndpoint(address.listen)
        coordinator.closeOutput()
    }

    private static func temporaryDirectory() throws -> String {
        let base = String(cString: getenv("TMPDIR") ?? strdup("/tmp"))
        var template = Array("\(base)/tributary-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            throw Failure(.storage, "no temporary folder can be made in \(base)")
        }
        return String(cString: made)
    }

    /// Starts an agent.
    func startAgent(_ name: String, data: String, arguments: [String] = []) throws {
        agents.append(
            try ChildProcess(
                ["agent", "--connect", "\(endpoint)", "--id", name, "--data", data] + arguments,
                log: "\(directory)/\(name).log"
            )
        )
    }

    /// The first agent that has ended, and the last line of its log.
    var failedAgent: String? {
        for (index, agent) in agents.enumerated() where !agent.isRunning {
            return "agent \(index + 1) ended; see its log in \(directory)"
        }
        return nil
    }

    /// Asks all processes to end; ``stop()`` waits for them.
    func interrupt() {
        for process in agents + [coordinator] { kill(process.identifier, SIGTERM) }
    }

    /// Stops everything and removes the folder if it was temporary.
    func stop() {
        for agent in agents { kill(agent.identifier, SIGTERM) }
        for agent in agents { agent.stop() }
        coordinator.stop()
        if !keeps { try? FileManager.default.removeItem(atPath: directory) }
    }

    /// Connects an operator to the coordinator.
    func client(on loop: EventLoop) async throws -> OperatorClient {
        let client = OperatorClient(endpoint: endpoint, loop: loop)
        try await client.connect()
        return client
    }
}
