// SPDX-License-Identifier: Apache-2.0
internal import CLibuv
internal import Synchronization

/// A one-shot timer of an event loop that can be armed again and again at the price of a heap operation.
///
/// It is confined to its loop; only letting go of the last reference is allowed elsewhere. It has millisecond
/// resolution and never fires early; timers due in the same millisecond fire in the order in which they were armed.
public final class LoopTimer: @unchecked Sendable {
    // Sendable: every method checks that it runs on the loop; deinit hands the closing over to the loop.
    private let core: TimerCore
    private let closesAtDeinit: Bool

    fileprivate init(core: TimerCore, closesAtDeinit: Bool) {
        self.core = core
        self.closesAtDeinit = closesAtDeinit
    }

    deinit {
        guard closesAtDeinit, core.isOpen.load(ordering: .relaxed) else { return }
        let core = core
        if core.loop.isOnLoop { core.close() } else { core.loop.execute { core.close() } }
    }

    /// Fires once after `delay`, instead of whenever it was armed for before; a negative delay counts as none.
    public func arm(after delay: Duration) {
        core.arm(at: core.loop.now.advanced(by: delay))
    }

    /// Fires once at `deadline`, or as soon as possible if that is past, instead of whenever it was armed for before.
    public func arm(at deadline: MonotonicInstant) {
        core.arm(at: deadline)
    }

    /// Does not fire until it is armed again.
    public func disarm() {
        core.disarm()
    }

    /// Disarms the timer for good and lets go of its body.
    public func cancel() {
        core.close()
    }
}

extension EventLoop {
    /// Makes a timer that is not armed yet; call it on the loop.
    ///
    /// The timer is closed when the last reference to it goes, or by `cancel()`. It keeps `body` alive till then, so
    /// let the body refer to the timer's owner weakly, or cancel it. On a loop that is stopping the timer never fires.
    ///
    /// - Parameter body: runs on the loop each time the timer fires.
    public func makeTimer(_ body: @escaping () -> Void) -> LoopTimer {
        LoopTimer(core: TimerCore(loop: self, isRepeatable: true, body: body), closesAtDeinit: true)
    }

    /// Runs `body` once after `delay`; call it on the loop.
    ///
    /// The timer need not be kept; keep it to cancel it.
    @discardableResult
    public func schedule(after delay: Duration, _ body: @escaping () -> Void) -> LoopTimer {
        let core = TimerCore(loop: self, isRepeatable: false, body: body)
        core.arm(at: now.advanced(by: delay))
        return LoopTimer(core: core, closesAtDeinit: false)
    }
}

/// The part of a timer that lives as long as its libuv handle, registered with the loop.
final class TimerCore: @unchecked Sendable {
    // Sendable: `loop` never changes; everything else is touched on the loop only.
    let loop: EventLoop
    /// Whether there is a handle to close; atomic because the last reference to the timer may go on any thread.
    let isOpen = Atomic(false)
    private let isRepeatable: Bool
    private var handle: UnsafeMutablePointer<uv_timer_t>?
    private var body: (() -> Void)?

    init(loop: EventLoop, isRepeatable: Bool, body: @escaping () -> Void) {
        loop.requireOnLoop()
        self.loop = loop
        self.isRepeatable = isRepeatable
        guard !loop.isStopping else { return }
        let handle = UnsafeMutablePointer<uv_timer_t>.allocate(capacity: 1)
        uv_timer_init(loop.uvLoop, handle)
        handle.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        self.handle = handle
        self.body = body
        isOpen.store(true, ordering: .relaxed)
        loop.timers[ObjectIdentifier(self)] = self
    }

    func arm(at deadline: MonotonicInstant) {
        loop.requireOnLoop()
        guard let handle else { return }
        // libuv's clock lags and has milliseconds; rounding the absolute time up is what keeps the timer from being
        // early.
        uv_update_time(loop.uvLoop)
        let nanoseconds = UInt64(max(0, deadline.nanoseconds))
        let dueMilliseconds = nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 > 0 ? 1 : 0)
        let current = uv_now(loop.uvLoop)
        uv_timer_start(
            handle,
            { handle in
                guard let context = handle?.pointee.data else { return }
                Unmanaged<TimerCore>.fromOpaque(context).takeUnretainedValue().fire()
            },
            dueMilliseconds > current ? dueMilliseconds - current : 0,
            0
        )
    }

    func disarm() {
        loop.requireOnLoop()
        if let handle { uv_timer_stop(handle) }
    }

    func close() {
        loop.requireOnLoop()
        guard let handle else { return }
        self.handle = nil
        body = nil
        isOpen.store(false, ordering: .relaxed)
        uv_close(asHandle(handle)) { handle in
            guard let handle else { return }
            UnsafeMutableRawPointer(handle).deallocate()
        }
        loop.timers[ObjectIdentifier(self)] = nil
    }

    private func fire() {
        let body = body
        if !isRepeatable { close() }
        body?()
    }
}
