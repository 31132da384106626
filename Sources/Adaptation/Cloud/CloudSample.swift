// SPDX-License-Identifier: Apache-2.0

/// An uploaded sample with what the cloud's teacher says of it.
public struct CloudSample: Sendable {
    /// The raw pixels.
    public let image: [Float]
    /// The teacher's answer.
    public let label: PseudoLabel
    /// The device's uncertainty, brought to 0 to 1.
    public let uncertainty: Float

    /// Creates a sample.
    public init(image: [Float], label: PseudoLabel, uncertainty: Float) {
        self.image = image
        self.label = label
        self.uncertainty = uncertainty
    }
}
