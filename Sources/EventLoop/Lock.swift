// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A mutual-exclusion lock on a pthread mutex.
///
/// It is used instead of `Synchronization.Mutex` because the thread sanitizer understands it. It is not recursive:
/// taking it twice on one thread is a deadlock. Hold it for a few instructions only; never call foreign code inside.
public final class Lock: @unchecked Sendable {
    // Sendable: the pointer never changes and the mutex behind it is made for use by many threads.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    /// Creates an open lock.
    public init() {
        mutex = .allocate(capacity: 1)
        let status = pthread_mutex_init(mutex, nil)
        precondition(status == 0, "a pthread mutex with default attributes can always be made")
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs `body` while holding the lock and returns what it returns, or rethrows what it throws.
    public func withLock<Value>(_ body: () throws -> Value) rethrows -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }
}
