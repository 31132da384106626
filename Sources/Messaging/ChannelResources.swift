// SPDX-License-Identifier: Apache-2.0

public import Wire

/// What the channels of one loop share: coders, and the memory of frames.
public final class ChannelResources: @unchecked Sendable {
    // Sendable: used on one loop only, by the channels of that loop.

    let pool: FrameBufferPool
    let decoder = MessageDecoder()
    let encoder = MessageEncoder()
    var header: [UInt8] = []

    /// Creates resources for a loop.
    public init(pool: FrameBufferPool = FrameBufferPool()) {
        self.pool = pool
    }
}
