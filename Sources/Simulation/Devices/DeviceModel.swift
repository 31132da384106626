// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds

/// Says how long each task takes on its device: a function of the seed, the device and the task alone.
struct DeviceModel {
    private let specification: DeviceSpecification
    private let speed: TimeDistribution
    private let delay: TimeDistribution
    private let seed: Seed

    init(_ specification: DeviceSpecification, seed: UInt64) throws {
        self.specification = specification
        speed = try TimeDistribution(parsing: specification.speed, key: "devices.speed")
        delay = try TimeDistribution(parsing: specification.delay, key: "devices.delay")
        self.seed = Seed(seed).deriving("devices")
    }

    /// The time from the sending of a task to the arrival of its update; nil if it never arrives.
    ///
    ///     load + seconds per sample * samples * speed + delay + send
    func duration(
        of key: UpdateKey,
        trainedSamples: UInt64,
        bytesDown: Int,
        bytesUp: Int
    ) -> (time: Duration, arrives: Bool) {
        var device = SeededGenerator(seed: seed.deriving("speed", key.agent.name))
        var task = SeededGenerator(
            seed: seed.deriving("task", key.agent.name, UInt64(key.round.value), UInt64(key.attempt))
        )
        let training = specification.secondsPerSample * Double(trainedSamples) * speed.draw(&device)
        let seconds =
            training + delay.draw(&task) + transfer(bytesDown, specification.downlinkMbit)
            + transfer(bytesUp, specification.uplinkMbit)
        // A year stands for "never": virtual time must stay a number.
        return (.seconds(min(seconds, 3.2e7)), task.uniform() >= specification.failure)
    }

    private func transfer(_ bytes: Int, _ megabitsPerSecond: Double) -> Double {
        megabitsPerSecond > 0 ? Double(bytes) * 8 / (megabitsPerSecond * 1e6) : 0
    }
}
