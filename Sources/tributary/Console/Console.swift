// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Standard output and error, written at once.
enum Console {
    /// Whether a person looks at standard error.
    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Lets writes to a pipe that nobody reads any more fail instead of ending the process.
    static func ignoreClosedPipes() { signal(SIGPIPE, SIG_IGN) }

    /// Writes a line to standard output.
    static func print(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

    /// Writes a line to standard error.
    static func error(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

    /// Writes text to standard error as it is.
    static func errorText(_ text: String) { write(text, to: STDERR_FILENO) }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            // A closed pipe: nobody listens any more.
            guard written > 0 else { return }
            bytes = bytes.dropFirst(written)
        }
    }
}
