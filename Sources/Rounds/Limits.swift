// SPDX-License-Identifier: Apache-2.0

/// The protocol's limits. What is past a limit is refused before anything is allocated for it.
public enum Limits {
    /// The longest frame, in bytes after its length word; a chunk and its header are shorter than the longest control
    /// message.
    public static let frameBytes = controlBytes
    /// The most data in one chunk.
    public static let chunkBytes = 1 << 20
    /// The most bytes of a message that is not a chunk (a task names every tensor of its model).
    public static let controlBytes = 8 << 20
    /// The memory that unpacking one control message may take.
    public static let unpackedBytes = 64 << 20
    /// The longest text in a message, in bytes: reasons, names of codecs and models.
    public static let textBytes = 4_096
    /// The longest job file, in bytes.
    public static let jobFileBytes = 1 << 20
    /// The most codecs, labels, metrics or settings in one message.
    public static let listCount = 256
    /// The largest model or update, in bytes.
    public static let blobBytes = 1 << 40
    /// The largest coded batch of samples, in bytes: it stays in memory until all of it is there.
    public static let sampleBatchBytes = 1 << 20
    /// The most holdings, and the most receipts, in one answer to an operator.
    public static let listedSamples = 4_096
    /// The most samples in a batch.
    public static let samplesPerBatch = 65_535
    /// The largest update of a prompt and a delta, in bytes.
    public static let adaptationBytes = 65_536
    /// The most coded parts that a model travels in: an anchor and the changes after it.
    public static let chainParts = 128
    /// The most connections of one coordinator.
    public static let connections = 65_536
    /// The most jobs that wait or run on one coordinator.
    public static let openJobs = 1_024
}
