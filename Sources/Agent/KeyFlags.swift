// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Rounds

/// The tasks that were withdrawn while the training thread had them.
final class KeyFlags: @unchecked Sendable {
    // Sendable: the set is used under the lock only.
    private let lock = Lock()
    private var keys: Set<UpdateKey> = []

    func set(_ key: UpdateKey) {
        _ = lock.withLock { keys.insert(key) }
    }

    func isSet(_ key: UpdateKey) -> Bool {
        lock.withLock { keys.contains(key) }
    }

    func clear(_ key: UpdateKey) {
        _ = lock.withLock { keys.remove(key) }
    }

    /// Whether the flag was set; clears it.
    func take(_ key: UpdateKey) -> Bool {
        lock.withLock { keys.remove(key) != nil }
    }
}
