// SPDX-License-Identifier: Apache-2.0

/// The limits that hold for the protocol's bytes and numbers, beside those in `Limits`.
///
/// The bounds on numbers keep every sum that the state machines form within 64 bits.
public enum WireLimits {
    /// The bytes of the length word in front of every frame.
    public static let lengthBytes = 4
    /// The longest frame before the hello has been accepted, in bytes after its length word.
    public static let helloFrameBytes = 64 << 10
    /// The most jobs in one reply to an operator.
    public static let listedJobs = 4_096
    /// The largest number of a job.
    public static let jobNumber: UInt64 = 1 << 62
    /// The largest number of a round, or of an attempt at it.
    public static let roundNumber: UInt32 = 1 << 30
    /// The largest count of samples or steps that one agent may report.
    public static let reportedCount: UInt64 = 1 << 40
    /// The largest total over a job.
    public static let totalCount: UInt64 = 1 << 62
    /// The longest duration, in microseconds: 36 thousand years.
    public static let durationMicroseconds: UInt64 = 1 << 60
    /// The most classes of a model, or units of a hidden layer.
    public static let layerWidth = 1 << 30
    /// The most elements of a model of kind `vector`, and the most passes or samples in a step.
    public static let sizeCount = 1 << 40
}
