// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Logging

/// How much a daemon writes to its log, which is standard error.
struct LoggingOption: ParsableArguments {
    enum Level: String, ExpressibleByArgument, CaseIterable {
        case debug, info, warning, error
    }

    @Option(name: .customLong("log"), help: "How much to log: debug, info, warning or error.")
    var level = Level.info

    /// A logger that writes to standard error.
    func logger(_ label: String) -> Logger {
        var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel =
            switch level {
            case .debug: .debug
            case .info: .info
            case .warning: .warning
            case .error: .error
            }
        return logger
    }
}
