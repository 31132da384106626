// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The number of files and sockets that this process may have open.
enum FileLimit {
    /// Raises the soft limit as far as the system lets a process do by itself.
    static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Raises the limit and checks that it suffices.
    static func raise(toAtLeast count: Int) throws {
        raise()
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        guard limit.rlim_cur >= count else {
            throw Failure(
                .software,
                "\(count) open files are needed, the limit is \(limit.rlim_cur); raise it with ulimit -n"
            )
        }
    }
}
