// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// Waits until the process is asked to stop.
enum StopSignal {
    /// Returns at the first SIGTERM or SIGINT; a second one ends the process at once, as the system does.
    static func wait(on loop: EventLoop) async {
        let watches = Watches()
        await withCheckedContinuation { continuation in
            loop.execute {
                watches.install(on: loop) { continuation.resume() }
            }
        }
    }

    private final class Watches: @unchecked Sendable {
        // Sendable: used on the loop only.
        private var watches: [SignalWatch] = []

        func install(on loop: EventLoop, _ body: @escaping () -> Void) {
            for signal in [ProcessSignal.interrupt, .terminate] {
                let watch = try? SignalWatch(signal, on: loop) {
                    guard !self.watches.isEmpty else { return }
                    for watch in self.watches { watch.cancel() }
                    self.watches = []
                    body()
                }
                if let watch { watches.append(watch) }
            }
        }
    }
}
