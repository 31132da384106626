// SPDX-License-Identifier: Apache-2.0
internal import CLibuv

extension EventLoopError {
    /// Translates a libuv status; `action` says what was tried and on what, as in "listen on 127.0.0.1:7000".
    init(status: Int32, action: String) {
        let (code, text): (Code, String) =
            switch status {
            case UV_EADDRINUSE.rawValue:
                (.addressInUse, "the address is in use; stop the process that listens there or choose another port")
            case UV_EADDRNOTAVAIL.rawValue, UV_EAFNOSUPPORT.rawValue:
                (.addressUnavailable, "this machine has no such address; use one of its own or 0.0.0.0")
            case UV_EACCES.rawValue, UV_EPERM.rawValue:
                (.permissionDenied, "permission denied; use a port of 1024 or above or check the firewall and user")
            case UV_EMFILE.rawValue, UV_ENFILE.rawValue:
                (.tooManyFiles, "no file descriptor is left; raise the open-files limit (ulimit -n)")
            case UV_ECONNREFUSED.rawValue:
                (.connectionRefused, "connection refused; check that the server runs there and the port is right")
            case UV_ETIMEDOUT.rawValue:
                (.connectTimeout, "no answer came in time; check the address and the firewalls on the way")
            case UV_EHOSTUNREACH.rawValue, UV_ENETUNREACH.rawValue, UV_ENETDOWN.rawValue:
                (.unreachable, "no route leads there; check the network and the address")
            case UV_ECANCELED.rawValue:
                (.cancelled, "cancelled")
            case UV_EAI_NONAME.rawValue, UV_EAI_NODATA.rawValue, UV_EAI_AGAIN.rawValue, UV_EAI_FAIL.rawValue:
                (.cannotResolve, "the host name has no address; check its spelling and the name server")
            default:
                (.system, "\(Self.systemText(status)); see the system's log if it persists")
            }
        self.init(code, "cannot \(action): \(text)")
    }

    /// The error of an operation asked of a loop that is stopping.
    static func stopped(action: String) -> EventLoopError {
        EventLoopError(.loopStopped, "cannot \(action): the event loop is shutting down; start a new one first")
    }

    private static func systemText(_ status: Int32) -> String {
        guard let text = uv_strerror(status) else { return "error \(status)" }
        return "\(String(cString: text)) (\(status))"
    }
}
