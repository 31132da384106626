// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import EventLoop

/// Reads addresses of the command line.
enum Endpoint {
    /// `host:port` or `[ipv6]:port`.
    static func parse(_ text: String, for option: String) throws -> TCPEndpoint {
        do {
            return try TCPEndpoint(text)
        } catch {
            throw ValidationError("\(option) takes HOST:PORT, for example 127.0.0.1:7400 or [::1]:7400, not '\(text)'")
        }
    }
}
