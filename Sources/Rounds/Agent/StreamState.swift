// SPDX-License-Identifier: Apache-2.0

/// An agent's part in an adaptation job: its stream's task, and the batches of samples that wait to be taken.
struct StreamState: Sendable {
    /// The task under way; nil before the coordinator gave one, and after it ended.
    var task: StreamTask?
    /// The batches that the coordinator did not answer yet, oldest first, also those of an earlier process.
    var pending: [SampleOffer] = []
    /// The batch under way on this connection.
    var offered: UInt64?
    /// When a batch that could not be stored is offered again.
    var retryAt: Instant?
    /// What was last told of the stream.
    var report: StreamReport?

    /// The next batch to offer; nil while one is under way or has to wait.
    var next: SampleOffer? {
        guard offered == nil, retryAt == nil, let task else { return nil }
        return pending.first { $0.job == task.job }
    }

    /// Whether batches of the task's job wait.
    var hasPending: Bool { pending.contains { $0.job == task?.job } }
}
