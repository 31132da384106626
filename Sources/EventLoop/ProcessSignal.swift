// SPDX-License-Identifier: Apache-2.0
internal import CLibuv
internal import Glibc

/// A signal of the operating system that a daemon reacts to.
public enum ProcessSignal: Sendable, Hashable, CaseIterable {
    /// SIGINT: Control-C.
    case interrupt
    /// SIGTERM: the request of a service manager to end.
    case terminate
    /// SIGHUP: the terminal is gone, or the request to read the configuration anew.
    case hangup

    var number: Int32 {
        switch self {
        case .interrupt: SIGINT
        case .terminate: SIGTERM
        case .hangup: SIGHUP
        }
    }
}

/// Delivers a signal to an event loop, in place of what the signal does by itself, until cancelled.
public final class SignalWatch: @unchecked Sendable {
    // Sendable: every method checks that it runs on the loop.
    private let loop: EventLoop
    private var handle: UnsafeMutablePointer<uv_signal_t>?
    private var body: (() -> Void)?

    /// Starts to watch; call it on the loop.
    ///
    /// - Parameter body: runs on the loop each time the signal arrives; signals in quick succession may be merged.
    /// - Throws: `EventLoopError` if the loop is stopping or the system refuses.
    public init(_ signal: ProcessSignal, on loop: EventLoop, _ body: @escaping () -> Void) throws {
        loop.requireOnLoop()
        let action = "watch the signal \(signal)"
        self.loop = loop
        guard !loop.isStopping else { throw EventLoopError.stopped(action: action) }
        let handle = UnsafeMutablePointer<uv_signal_t>.allocate(capacity: 1)
        let initialized = uv_signal_init(loop.uvLoop, handle)
        guard initialized == 0 else {
            handle.deallocate()
            throw EventLoopError(status: initialized, action: action)
        }
        handle.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        self.handle = handle
        self.body = body
        loop.resources[ObjectIdentifier(self)] = self
        let started = uv_signal_start(
            handle,
            { handle, _ in
                guard let context = handle?.pointee.data else { return }
                Unmanaged<SignalWatch>.fromOpaque(context).takeUnretainedValue().body?()
            },
            signal.number
        )
        guard started == 0 else {
            cancel()
            throw EventLoopError(status: started, action: action)
        }
    }

    /// Gives the signal back its own effect; the body does not run any more.
    public func cancel() {
        loop.requireOnLoop()
        guard let handle else { return }
        self.handle = nil
        body = nil
        uv_close(asHandle(handle)) { handle in
            guard let handle else { return }
            UnsafeMutableRawPointer(handle).deallocate()
        }
        loop.resources[ObjectIdentifier(self)] = nil
    }
}

extension SignalWatch: LoopResource {
    func loopWillStop() { cancel() }
}
