// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A mutual exclusion that the thread sanitizer understands, which that of the standard library's `Synchronization` is
/// not.
final class MutexLock: @unchecked Sendable {
    // Safe: a pthread mutex at a fixed address is made for use by several threads.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    init() {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        let result = pthread_mutex_init(mutex, nil)
        precondition(result == 0, "a mutex can always be made")
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    func withLock<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }
}
