// SPDX-License-Identifier: Apache-2.0
import EventLoop
import Glibc
import Testing

extension EventLoopSuites {
    @Suite struct ProcessSignalTests {
        @Test func signalReachesTheLoop() async throws {
            try await withLoop { loop in
                let arrived = Eventually<Bool>()
                let watch = try await loop.run {
                    try SignalWatch(.hangup, on: loop) { if !arrived.isFulfilled { arrived.fulfill(loop.isOnLoop) } }
                }
                #expect(kill(getpid(), SIGHUP) == 0)
                #expect(await arrived.value)
                try await loop.run {
                    watch.cancel()
                    watch.cancel()
                }
            }
        }
    }
}
