// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Keeps every model once computed: there are 4096 at most, together below 10 MB, whatever bytes arrive.
///
/// An encoder tries about a hundred models for one update; a round's updates and their decoders need the same few
/// again.
final class SymbolModelCache: @unchecked Sendable {
    // Safe: `models` is read and written under `lock` only.

    private static let shared = SymbolModelCache()

    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private var models: [SymbolModel?]

    private init() {
        lock = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
        models = Array(repeating: nil, count: BlockClass.scaleCount * DensityShape.exponents.count)
    }

    deinit {
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    /// The model of a class, computed at first use.
    static func model(_ blockClass: BlockClass) -> SymbolModel { shared.model(blockClass) }

    private func model(_ blockClass: BlockClass) -> SymbolModel {
        let index = blockClass.shape * BlockClass.scaleCount + blockClass.scale
        pthread_mutex_lock(lock)
        let known = models[index]
        pthread_mutex_unlock(lock)
        if let known { return known }
        // Computed outside the lock: two threads may both do so, with the same result.
        let computed = SymbolModel(blockClass)
        pthread_mutex_lock(lock)
        models[index] = computed
        pthread_mutex_unlock(lock)
        return computed
    }
}
