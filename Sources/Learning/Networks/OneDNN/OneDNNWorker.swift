// SPDX-License-Identifier: Apache-2.0
#if ONEDNN

internal import CDNNL

/// What the layers of one network on oneDNN share: its engine and scratch memory, for one thread at a time.
final class OneDNNWorker {
    let handle: OpaquePointer
    private var arena: FloatArena?
    private var plainCount = 0
    private var memory: UnsafeMutablePointer<Float>?

    init() {
        guard let handle = cdnnl_worker_create() else {
            preconditionFailure("oneDNN has an engine for every processor; memory ran out")
        }
        self.handle = handle
    }

    deinit { cdnnl_worker_free(handle) }

    /// Sees that there is room for the weights of a layer as tensors have them, with the channels' padding.
    func reservePlain(_ count: Int) {
        guard count > plainCount else { return }
        let arena = FloatArena(capacity: FloatArena.footprint(count))
        memory = arena.take(count)
        self.arena = arena
        plainCount = count
    }

    /// That room.
    var plain: UnsafeMutablePointer<Float> {
        guard let memory else { preconditionFailure("room is reserved before it is used") }
        return memory
    }
}

#endif
