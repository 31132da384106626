// SPDX-License-Identifier: Apache-2.0

/// What a device keeps of an environment: its prompt, and its statistics over the batches that it saw there.
public struct KnownEnvironment: Sendable, Hashable {
    /// The batches over which statistics are averaged; older ones count less and less.
    public static let memory = 8

    /// The prompt; nil for none.
    public var prompt: VisualPrompt?
    /// The environment whose prompt it began with; nil for none.
    public var parent: UInt32?
    /// The mean of the measured differences from the source's statistics; empty before the first batch.
    public private(set) var statistics: [Float] = []
    /// The batches that count in them.
    private(set) var count = 0

    /// Creates an environment that was not measured yet.
    public init(prompt: VisualPrompt?, parent: UInt32? = nil) {
        self.prompt = prompt
        self.parent = parent
    }

    /// Takes up statistics that were kept.
    mutating func restore(statistics: [Float], count: Int) {
        self.statistics = statistics
        self.count = min(max(count, 0), Self.memory)
    }

    /// Takes in the statistics of a batch; such that are not finite, or fewer than before, are left out.
    public mutating func add(_ measured: [Float]) {
        guard measured.allSatisfy(\.isFinite), statistics.isEmpty || measured.count == statistics.count else { return }
        count = min(count + 1, Self.memory)
        if statistics.isEmpty { statistics = [Float](repeating: 0, count: measured.count) }
        for index in measured.indices { statistics[index] += (measured[index] - statistics[index]) / Float(count) }
    }
}
