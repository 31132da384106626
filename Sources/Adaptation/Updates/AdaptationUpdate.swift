// SPDX-License-Identifier: Apache-2.0

/// What the cloud sends a device: a new state for one environment, with a version.
public struct AdaptationUpdate: Sendable, Hashable {
    /// The largest update in bytes.
    public static let maximumBytes = 2_048

    /// The environment whose prompt it is, as the device numbers them.
    public var environment: UInt32
    /// Rises with every update of the cloud, whatever the environment.
    public var version: UInt32
    /// The prompt and the delta.
    public var state: AdaptationState

    /// Creates an update.
    public init(environment: UInt32, version: UInt32, state: AdaptationState) {
        self.environment = environment
        self.version = version
        self.state = state
    }
}
