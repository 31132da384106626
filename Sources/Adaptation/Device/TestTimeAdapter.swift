// SPDX-License-Identifier: Apache-2.0

/// Answers a stream batch by batch on the device alone, and may learn from what it sees.
public protocol TestTimeAdapter: AnyObject {
    /// The logits of the images; they were answered before anything was learnt from them.
    ///
    /// - Throws: ``AdaptationError``, ``LearningError``.
    func answer(_ images: [Float]) throws -> [Float]
}
