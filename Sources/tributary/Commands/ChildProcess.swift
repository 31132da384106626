// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A process of this same program, started for a demo or a benchmark and ended with it.
final class ChildProcess {
    let identifier: pid_t
    private var output: Int32?
    private var pending: [UInt8] = []
    private var usage = rusage()
    private var isReaped = false
    private var knownExitCode: Int32?

    /// Starts this program with other arguments.
    ///
    /// - Parameters:
    ///   - arguments: without the program's name.
    ///   - readsOutput: whether its standard output is read here by ``readLine()``; otherwise it goes nowhere.
    ///   - log: a file that takes its standard error.
    init(_ arguments: [String], readsOutput: Bool = false, log: String) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var pipeEnds: [Int32] = [-1, -1]
        if readsOutput {
            guard pipe(&pipeEnds) == 0, fcntl(pipeEnds[0], F_SETFD, FD_CLOEXEC) == 0 else {
                throw Failure(.software, "no pipe: \(Self.lastError)")
            }
            posix_spawn_file_actions_adddup2(&actions, pipeEnds[1], STDOUT_FILENO)
            posix_spawn_file_actions_addclose(&actions, pipeEnds[1])
        } else {
            posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        var argv = (["tributary"] + arguments).map { strdup($0) } + [nil]
        defer { for pointer in argv { free(pointer) } }
        var child: pid_t = 0
        let status = posix_spawn(&child, "/proc/self/exe", &actions, nil, &argv, environ)
        if readsOutput { close(pipeEnds[1]) }
        guard status == 0 else {
            throw Failure(.software, "a process could not be started: \(String(cString: strerror(status)))")
        }
        identifier = child
        output = readsOutput ? pipeEnds[0] : nil
    }

    private static var lastError: String { String(cString: strerror(errno)) }

    deinit {
        if !isReaped { kill() }
        if let output { close(output) }
    }

    /// The next line of its standard output; nil at the end.
    func readLine() -> String? {
        guard let output else { return nil }
        while true {
            if let newline = pending.firstIndex(of: UInt8(ascii: "\n")) {
                defer { pending.removeSubrange(...newline) }
                return String(decoding: pending[..<newline], as: UTF8.self)
            }
            var buffer = [UInt8](repeating: 0, count: 4_096)
            let count = read(output, &buffer, buffer.count)
            guard count > 0 else { return nil }
            pending.append(contentsOf: buffer[..<count])
        }
    }

    /// Reads no more of its standard output.
    func closeOutput() {
        if let output { close(output) }
        output = nil
    }

    /// Asks it to stop and waits for its end.
    ///
    /// - Returns: its exit code, or minus the signal that ended it.
    @discardableResult
    func stop() -> Int32 {
        guard !isReaped else { return 0 }
        Glibc.kill(identifier, SIGTERM)
        return wait()
    }

    /// Ends it at once.
    func kill() {
        guard !isReaped else { return }
        Glibc.kill(identifier, SIGKILL)
        wait()
    }

    /// Waits for its end.
    @discardableResult
    func wait() -> Int32 {
        var status: Int32 = 0
        while wait4(identifier, &status, 0, &usage) < 0, errno == EINTR {}
        return ended(status)
    }

    /// Its exit code, or minus the signal that ended it; nil while it runs.
    var exitCode: Int32? {
        if let knownExitCode { return knownExitCode }
        var status: Int32 = 0
        guard wait4(identifier, &status, WNOHANG, &usage) == identifier else { return nil }
        return ended(status)
    }

    private func ended(_ status: Int32) -> Int32 {
        isReaped = true
        let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : -(status & 0x7F)
        knownExitCode = code
        return code
    }

    /// Whether it still runs.
    var isRunning: Bool { exitCode == nil }

    /// Its largest resident memory; known once it has ended.
    var peakMegabytes: Double { Double(usage.ru_maxrss) / 1_024 }

    /// Its resident memory and processor time now.
    var sample: (residentKilobytes: Int, processorSeconds: Double)? { ProcessSample.read(identifier) }
}
