// SPDX-License-Identifier: Apache-2.0

import Rounds

/// The clients' devices and lines, which decide when an update arrives in virtual time.
///
///     devices: {seconds_per_sample: 0.002, speed: "lognormal:1,0.5", delay: "pareto:1,1.2", uplink_mbit: 10}
///
/// Without this part of a scenario, updates arrive at once.
public struct DeviceSpecification: Sendable, Codable, Hashable {
    /// The seconds that a device of speed 1 trains on a sample, once.
    public var secondsPerSample: Double
    /// The factor on a device's training time, drawn once for each device.
    public var speed: String
    /// Seconds that every task takes beside: waiting for power, other programs, the line. Drawn for each task.
    public var delay: String
    /// The line to the device in Mbit/s; 0 for one that takes no time.
    public var downlinkMbit: Double
    /// The line from the device in Mbit/s; 0 for one that takes no time.
    public var uplinkMbit: Double
    /// The share of tasks that end without an update.
    public var failure: Double

    /// Creates a description; without arguments one of devices that take no time.
    public init(
        secondsPerSample: Double = 0,
        speed: String = "constant:1",
        delay: String = "constant:0",
        downlinkMbit: Double = 0,
        uplinkMbit: Double = 0,
        failure: Double = 0
    ) {
        self.secondsPerSample = secondsPerSample
        self.speed = speed
        self.delay = delay
        self.downlinkMbit = downlinkMbit
        self.uplinkMbit = uplinkMbit
        self.failure = failure
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case secondsPerSample = "seconds_per_sample"
        case speed
        case delay
        case downlinkMbit = "downlink_mbit"
        case uplinkMbit = "uplink_mbit"
        case failure
    }

    /// Reads the `devices:` part of a scenario file.
    public init(from decoder: any Decoder) throws {
        let file = try StrictContainer(decoder, known: CodingKeys.allCases.map(\.rawValue))
        let standard = DeviceSpecification()
        secondsPerSample = try file.value("seconds_per_sample", default: standard.secondsPerSample)
        speed = try file.value("speed", default: standard.speed)
        delay = try file.value("delay", default: standard.delay)
        downlinkMbit = try file.value("downlink_mbit", default: standard.downlinkMbit)
        uplinkMbit = try file.value("uplink_mbit", default: standard.uplinkMbit)
        failure = try file.value("failure", default: standard.failure)
        try file.check(secondsPerSample >= 0 && secondsPerSample <= 1e6, "seconds_per_sample", "between 0 and 1e6")
        try file.check(downlinkMbit >= 0 && downlinkMbit.isFinite, "downlink_mbit", "0 (no limit) or more")
        try file.check(uplinkMbit >= 0 && uplinkMbit.isFinite, "uplink_mbit", "0 (no limit) or more")
        try file.check(failure >= 0 && failure < 1, "failure", "0 or more and below 1")
        _ = try DeviceModel(self, seed: 0)
    }
}
