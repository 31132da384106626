// SPDX-License-Identifier: Apache-2.0

/// What of a sample can leave a device.
public enum SampleField: String, Sendable, Hashable, CaseIterable, Codable {
    /// The pixels, without which nothing is sent.
    case pixels
    /// How unsure the device was.
    case uncertainty
    /// The statistics of the batch that the sample came with.
    case statistics
}
