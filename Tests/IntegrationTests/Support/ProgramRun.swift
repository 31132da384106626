// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A process that a test started, with its output in files.
final class ProgramRun {
    let name: String
    let arguments: [String]
    let identifier: pid_t
    private let outputFile: String
    private let errorFile: String
    private var status: Int32?
    /// Whether something that it started outlived it; as long as that runs, its group's number is not given anew.
    private var isSurvived = false

    /// Starts a process.
    ///
    /// - Parameters:
    ///   - arguments: without the program's name.
    ///   - executable: what runs; the program under test unless said otherwise.
    ///   - name: what its files are called in the folder.
    init(_ arguments: [String], executable: String = Program.path, name: String, in folder: TemporaryFolder) throws {
        self.name = name
        self.arguments = arguments
        outputFile = folder.path("\(name).out")
        errorFile = folder.path("\(name).err")
        // The kernel ends the child with this process, however this process ends.
        let guarded = ["/usr/bin/setpriv", "--pdeathsig", "KILL", "--", executable]
        let isGuarded = FileManager.default.isExecutableFile(atPath: guarded[0])
        let command = (isGuarded ? guarded : [executable]) + arguments
        // What the program leaves in the folder for temporary files goes with the test's folder.
        let environment = ProcessInfo.processInfo.environment.merging(["TMPDIR": folder.root.path]) { $1 }
        let (output, error) = (outputFile, errorFile)
        let child = SpawningThread.shared.run { Self.spawn(command, environment, output, error) }
        guard child > 0 else {
            throw TestFailure("\(executable) cannot be started: \(String(cString: strerror(-child)))")
        }
        identifier = child
    }

    deinit { kill() }

    /// The process's number, or minus the error's.
    private static func spawn(
        _ command: [String],
        _ environment: [String: String],
        _ output: String,
        _ error: String
    ) -> pid_t {
        // A group of its own, so that what it starts in turn can be ended with it.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, flags, 0o600)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, error, flags, 0o600)
        var argv = command.map { strdup($0) } + [nil]
        defer { for pointer in argv { free(pointer) } }
        var variables = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for pointer in variables { free(pointer) } }
        var child: pid_t = 0
        let status = posix_spawn(&child, command[0], &actions, &attributes, &argv, &variables)
        return status == 0 ? child : -status
    }

    // MARK: - Output

    private static func text(_ file: String) -> String {
        String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self)
    }

    /// All that it wrote to standard output.
    var output: String { Self.text(outputFile) }
    /// All that it wrote to standard error.
    var errors: String { Self.text(errorFile) }
    /// The complete lines of standard output.
    var outputLines: [String] { Self.lines(output) }
    /// The complete lines of standard error.
    var errorLines: [String] { Self.lines(errors) }

    private static func lines(_ text: String) -> [String] {
        text.components(separatedBy: "\n").dropLast().map { $0 }
    }

    /// Standard output as one JSON object a line.
    func records() throws -> [JSONValue] { try outputLines.map { try JSONValue(parsing: $0) } }

    /// Waits for a line of standard error that has this text.
    func waitForError(_ text: String) async throws {
        try await eventually("\(name) writes '\(text)'; it wrote: \(errors.suffix(2_000))") { errors.contains(text) }
    }

    // MARK: - Life

    /// Whether it still runs.
    var isRunning: Bool { poll() == nil }

    private func poll() -> Int32? {
        if status == nil {
            var raw: Int32 = 0
            if waitpid(identifier, &raw, WNOHANG) == identifier { ended(raw) }
        }
        return status
    }

    private func ended(_ raw: Int32) {
        status = Self.code(raw)
        isSurvived = Foundation.kill(-identifier, 0) == 0
    }

    private static func code(_ raw: Int32) -> Int32 { raw & 0x7F == 0 ? (raw >> 8) & 0xFF : -(raw & 0x7F) }

    /// Waits for its end.
    ///
    /// - Returns: its exit code, or minus the signal that ended it.
    func exitCode() async throws -> Int32 {
        try await eventually("\(name) ends; it wrote: \(errors.suffix(2_000))") { poll() != nil }
        return poll() ?? 0
    }

    func send(_ signal: Int32) {
        if poll() == nil { Foundation.kill(identifier, signal) }
    }

    /// Whether it or a process that it started still runs.
    var hasDescendants: Bool {
        if poll() == nil { return true }
        if isSurvived { isSurvived = Foundation.kill(-identifier, 0) == 0 }
        return isSurvived
    }

    /// Ends it and what it started.
    func killAll() {
        if hasDescendants { Foundation.kill(-identifier, SIGKILL) }
        kill()
    }

    /// Ends it at once, as `kill -9` does.
    func kill() {
        guard poll() == nil else { return }
        Foundation.kill(identifier, SIGKILL)
        var raw: Int32 = 0
        while waitpid(identifier, &raw, 0) < 0, errno == EINTR {}
        ended(raw)
    }
}
