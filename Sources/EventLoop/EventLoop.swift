// SPDX-License-Identifier: Apache-2.0
internal import CLibuv
internal import Glibc
internal import Synchronization

/// One thread that waits for sockets, timers and signals and runs Swift jobs between them (libuv inside).
///
/// An actor whose `unownedExecutor` is `loop.asUnownedSerialExecutor()` runs on the loop's thread, so that the
/// callbacks of the loop's sockets and timers enter it without a hop. Start the actor's tasks with
/// `Task(executorPreference: loop)`: their continuations then stay on the loop's thread too.
///
/// Sockets, timers and signal watches are confined to the loop: they are made, used and closed on its thread only,
/// which is checked. The loop itself may be used from any thread.
public final class EventLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
    // Sendable: `lock` guards the members marked so, `owner` is atomic, and the loop's thread alone touches the rest.

    /// What the thread and the log call this loop; Linux shows the first 15 bytes.
    public let name: String

    enum Phase { case idle, running, stopping, stopped }

    let lock = Lock()
    /// Guarded by `lock`.
    var phase = Phase.idle
    /// Guarded by `lock`: work from other threads.
    var remoteWork: [Work] = []
    /// Guarded by `lock`: the loop waits in the kernel, or is about to, and needs to be woken.
    var isAsleep = false
    /// Guarded by `lock`: a thread runs the jobs that came after the loop had stopped.
    var isRunningLateWork = false
    /// Guarded by `lock` and set by the one that calls `start`.
    var thread: pthread_t?

    /// The thread that stands for the loop, zero if none does.
    let owner = Atomic<UInt>(0)

    let uvLoop = UnsafeMutablePointer<uv_loop_t>.allocate(capacity: 1)
    let wakeHandle = UnsafeMutablePointer<uv_async_t>.allocate(capacity: 1)
    let prepareHandle = UnsafeMutablePointer<uv_prepare_t>.allocate(capacity: 1)
    let checkHandle = UnsafeMutablePointer<uv_check_t>.allocate(capacity: 1)
    let idleHandle = UnsafeMutablePointer<uv_idle_t>.allocate(capacity: 1)

    var localWork: [Work] = []
    var localHead = 0
    var isSpinning = false
    var isStopping = false
    /// Counts the waits for I/O.
    var iteration: UInt64 = 0
    /// Connections that gave way to others and go on after the next wait.
    var waitingForTurn: [TCPConnection] = []
    /// What is open on this loop; the entry keeps it alive until its handle is closed.
    var resources: [ObjectIdentifier: any LoopResource] = [:]
    /// The timers that have a handle; apart from `resources` because they are many and need no order.
    var timers: [ObjectIdentifier: TimerCore] = [:]
    lazy var deadlines = DeadlineSweep(loop: self)
    let slab: UnsafeMutableRawBufferPointer

    /// Creates a loop that does nothing until `start()`; work given to it before waits.
    ///
    /// - Parameters:
    ///   - name: names the thread.
    ///   - slabBytes: the size of the read buffer that all connections of the loop share.
    public init(name: String, slabBytes: Int = 64 << 10) {
        precondition(slabBytes > 0, "the shared read buffer must hold at least one byte")
        self.name = name
        slab = .allocate(byteCount: slabBytes, alignment: 64)
    }

    deinit {
        let running = lock.withLock { phase == .running || phase == .stopping }
        precondition(!running, "the loop's thread keeps the loop alive while it runs")
        slab.deallocate()
        uvLoop.deallocate()
        wakeHandle.deallocate()
        prepareHandle.deallocate()
        checkHandle.deallocate()
        idleHandle.deallocate()
    }

    /// Whether the caller runs on the loop's thread.
    public var isOnLoop: Bool {
        owner.load(ordering: .relaxed) == UInt(pthread_self())
    }

    /// A fresh reading of the monotonic clock, in nanosecond resolution; callable from any thread.
    public var now: MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(uv_hrtime()))
    }

    /// The time at which the loop last woke, in millisecond resolution: free, and never later than `now`.
    ///
    /// On the loop only.
    public var cachedNow: MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(milliseconds) * 1_000_000)
    }

    /// The loop's cached clock.
    var milliseconds: UInt64 {
        requireOnLoop()
        return isStopping ? uv_hrtime() / 1_000_000 : uv_now(uvLoop)
    }

    @inline(__always)
    func requireOnLoop() {
        precondition(isOnLoop, "sockets, timers and signals are used on their own event loop only")
    }

    /// Runs `body` on the loop's thread soon, after the work given before it; callable from any thread.
    public func execute(_ body: @escaping @Sendable () -> Void) {
        enqueue(.body(body))
    }

    /// Runs `body` on the loop's thread and returns its value, or throws what it throws; callable from any thread.
    public func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            execute { continuation.resume(with: Result(catching: body)) }
        }
    }
}

/// Something with a libuv handle that must be closed before the loop can end.
protocol LoopResource: AnyObject {
    /// Ends the resource: its handle is closed, and whoever waits for it is told so.
    func loopWillStop()
}

/// One thing to run on the loop.
enum Work {
    case job(UnownedJob)
    case body(() -> Void)
    case done
}
