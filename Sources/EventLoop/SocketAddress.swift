// SPDX-License-Identifier: Apache-2.0
internal import CLibuv
internal import Glibc

/// An IPv4 or IPv6 address with its port, in the form of the operating system.
struct SocketAddress {
    private var storage = sockaddr_storage()

    /// Reads a numeric address; nil if the host is a name.
    init?(numeric endpoint: TCPEndpoint) {
        let port = Int32(endpoint.port)
        let found = withUnsafeMutableBytes(of: &storage) { bytes -> Bool in
            guard let base = bytes.baseAddress else { return false }
            if uv_ip4_addr(endpoint.host, port, base.assumingMemoryBound(to: sockaddr_in.self)) == 0 { return true }
            return uv_ip6_addr(endpoint.host, port, base.assumingMemoryBound(to: sockaddr_in6.self)) == 0
        }
        guard found else { return nil }
    }

    /// Copies an address of the system; nil if it is neither IPv4 nor IPv6.
    init?(copying address: UnsafePointer<sockaddr>) {
        let size: Int
        switch Int32(address.pointee.sa_family) {
        case AF_INET: size = MemoryLayout<sockaddr_in>.size
        case AF_INET6: size = MemoryLayout<sockaddr_in6>.size
        default: return nil
        }
        withUnsafeMutableBytes(of: &storage) { bytes in
            bytes.copyMemory(from: UnsafeRawBufferPointer(start: address, count: size))
        }
    }

    /// The address of this side (`uv_tcp_getsockname`) or the other side (`uv_tcp_getpeername`) of a socket.
    init?(of handle: UnsafeMutablePointer<uv_tcp_t>, side: Side) {
        var length = Int32(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutablePointer(to: &storage) { pointer in
            let address = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr.self)
            return side == .local
                ? uv_tcp_getsockname(handle, address, &length) : uv_tcp_getpeername(handle, address, &length)
        }
        guard status == 0 else { return nil }
    }

    enum Side { case local, peer }

    var family: Int32 { Int32(storage.ss_family) }

    var endpoint: TCPEndpoint {
        var text = [CChar](repeating: 0, count: 64)
        return withAddress { address in
            let raw = UnsafeRawPointer(address)
            let port: UInt16
            if family == AF_INET {
                let ipv4 = raw.assumingMemoryBound(to: sockaddr_in.self)
                uv_ip4_name(ipv4, &text, text.count)
                port = UInt16(bigEndian: ipv4.pointee.sin_port)
            } else {
                let ipv6 = raw.assumingMemoryBound(to: sockaddr_in6.self)
                uv_ip6_name(ipv6, &text, text.count)
                port = UInt16(bigEndian: ipv6.pointee.sin6_port)
            }
            let host = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            return TCPEndpoint(host: String(decoding: host, as: UTF8.self), port: port)
        }
    }

    func withAddress<Value>(_ body: (UnsafePointer<sockaddr>) -> Value) -> Value {
        withUnsafePointer(to: storage) { body(UnsafeRawPointer($0).assumingMemoryBound(to: sockaddr.self)) }
    }
}
