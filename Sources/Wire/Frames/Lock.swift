// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A mutual-exclusion lock on a pthread mutex, which the thread sanitizer understands.
final class Lock: @unchecked Sendable {
    // Safe: the pointer never changes and the mutex behind it is made for use by many threads.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    init() {
        mutex = .allocate(capacity: 1)
        let status = pthread_mutex_init(mutex, nil)
        precondition(status == 0, "a pthread mutex with default attributes can always be made")
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    func withLock<Value>(_ body: () -> Value) -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}
