// SPDX-License-Identifier: Apache-2.0

/// What a device keeps over a restart: what is in force, and the environments that it knows.
public struct DeviceSnapshot: Sendable, Codable {
    struct Environment: Sendable, Codable {
        let number: Int
        let key: [Float]
        let keyCount: Int
        let lastUse: Int
        let prompt: [Float]?
        let parent: UInt32?
        let statistics: [Float]
        let statisticsCount: Int
    }

    /// The samples that were answered.
    public let answered: UInt64
    let version: UInt32
    let rollbacks: Int
    let delta: [Float]
    let made: Int
    let uses: Int
    let environments: [Environment]
}

extension DeviceState {
    /// What is to be kept over a restart.
    public func snapshot(answered: UInt64) -> DeviceSnapshot {
        DeviceSnapshot(
            answered: answered,
            version: version,
            rollbacks: rollbacks,
            delta: delta,
            made: library.made,
            uses: library.uses,
            environments: library.entries.map { entry in
                DeviceSnapshot.Environment(
                    number: entry.number,
                    key: entry.key.values,
                    keyCount: entry.keyCount,
                    lastUse: entry.lastUse,
                    prompt: entry.content.prompt?.values,
                    parent: entry.content.parent,
                    statistics: entry.content.statistics,
                    statisticsCount: entry.content.count
                )
            }
        )
    }

    /// Takes up what was kept.
    ///
    /// - Throws: ``AdaptationError`` with code `shapeMismatch` for what another model or plan left, `notFinite`; the
    ///   state then stays as it was.
    public mutating func restore(_ snapshot: DeviceSnapshot) throws {
        guard snapshot.delta.count == delta.count, snapshot.environments.count <= library.capacity,
            snapshot.environments.allSatisfy({ $0.key.count == EnvironmentKey.count && $0.keyCount >= 1 })
        else {
            throw AdaptationError(.shapeMismatch, "what the device kept belongs to another model or plan")
        }
        let values = snapshot.delta + snapshot.environments.flatMap { $0.key + $0.statistics }
        guard values.allSatisfy(\.isFinite) else {
            throw AdaptationError(.notFinite, "what the device kept holds a value that is not finite")
        }
        let entries = try snapshot.environments.map { kept in
            guard (kept.prompt == nil) == (shape == nil) else {
                throw AdaptationError(.shapeMismatch, "what the device kept has another prompt")
            }
            var content = KnownEnvironment(
                prompt: try shape.map { try VisualPrompt($0, values: kept.prompt ?? []) },
                parent: kept.parent
            )
            content.restore(statistics: kept.statistics, count: kept.statisticsCount)
            return EnvironmentLibrary.Entry(
                number: kept.number,
                key: EnvironmentKey(values: kept.key),
                keyCount: kept.keyCount,
                content: content,
                lastUse: kept.lastUse
            )
        }
        library.restore(entries, made: snapshot.made, uses: snapshot.uses)
        version = snapshot.version
        rollbacks = snapshot.rollbacks
        delta = snapshot.delta
    }
}
