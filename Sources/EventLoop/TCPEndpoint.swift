// SPDX-License-Identifier: Apache-2.0

/// A host and a port as people write them: `127.0.0.1:7000`, `[::1]:7000`, `coordinator.example:7000`.
public struct TCPEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// An IPv4 address, an IPv6 address without brackets, or a host name.
    public let host: String
    /// 0 lets the system choose when listening.
    public let port: UInt16

    /// Combines a host and a port; the host is not looked at yet.
    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Parses `host:port` or `[ipv6]:port`.
    ///
    /// - Throws: `EventLoopError` with the code `invalidEndpoint`.
    public init(_ text: String) throws {
        guard let colon = text.lastIndex(of: ":") else { throw Self.invalid(text, "it has no port") }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = UInt16(digits) else {
            throw Self.invalid(text, "its port is not a number from 0 to 65535")
        }
        var host = text[..<colon]
        if host.hasPrefix("[") && host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { throw Self.invalid(text, "brackets are for IPv6 addresses") }
        } else if host.contains(":") {
            throw Self.invalid(text, "an IPv6 address needs brackets")
        }
        guard !host.isEmpty else { throw Self.invalid(text, "it has no host") }
        guard host.utf8.count <= Self.maximumHostBytes, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw Self.invalid(text, "its host is not a name or an address")
        }
        self.init(host: String(host), port: port)
    }

    /// The longest host name that DNS allows, RFC 1035 section 2.3.4.
    private static let maximumHostBytes = 255

    /// The form that the initializer parses.
    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private static func invalid(_ text: String, _ why: String) -> EventLoopError {
        let shown = text.prefix(80)
        return EventLoopError(.invalidEndpoint, "'\(shown)' is no address: \(why); write host:port or [ipv6]:port")
    }
}
