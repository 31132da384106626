// SPDX-License-Identifier: Apache-2.0

/// How the line between an agent and the coordinator is.
public struct LinkProfile: Sendable, Hashable {
    /// The time that a byte is under way.
    public var latency: Duration
    /// The most that is added to the latency, uniformly at random for each message.
    public var jitter: Duration
    /// The bytes that the line takes in per second, in each direction.
    public var bytesPerSecond: Double

    /// Creates a profile; the default is a fast line inside a building.
    public init(latency: Duration = .milliseconds(1), jitter: Duration = .zero, bytesPerSecond: Double = 1e8) {
        precondition(latency >= .zero && jitter >= .zero, "messages cannot arrive before they are sent")
        precondition(bytesPerSecond > 0, "a line takes in some bytes per second")
        self.latency = latency
        self.jitter = jitter
        self.bytesPerSecond = bytesPerSecond
    }
}
