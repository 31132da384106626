// SPDX-License-Identifier: Apache-2.0

/// What a device has applied: the shared delta, and the prompts of the environments that it knows.
///
/// A value: an update is applied as a whole or not at all.
public struct DeviceState: Sendable {
    /// What became of an update.
    public enum Outcome: Sendable, Hashable {
        /// It is in force.
        case applied
        /// The held-out score fell; what was in force before is again.
        case rolledBack(before: Double, after: Double)
    }

    /// The prompt's pixels; nil for no prompt.
    public let shape: PromptShape?
    /// Where the delta acts.
    public let layout: DeltaLayout
    /// The version of the newest update that was looked at, applied or rolled back; 0 for none.
    public internal(set) var version: UInt32 = 0
    /// The shared delta in force.
    public internal(set) var delta: [Float]
    /// The environments that it knows.
    public internal(set) var library: EnvironmentLibrary<KnownEnvironment>
    /// How many updates were rolled back.
    public internal(set) var rollbacks = 0
    /// The distance up to which a new environment begins with the nearest one's prompt.
    public let inheritance: Float

    /// Creates the state of a device that was just delivered.
    ///
    /// - Parameters:
    ///   - radius: how near keys of one environment lie, see ``EnvironmentLibrary``.
    ///   - inheritance: how near another environment's prompt is a better start than none.
    /// - Throws: ``AdaptationError`` with code `invalidParameter`.
    public init(
        shape: PromptShape?,
        layout: DeltaLayout,
        capacity: Int = 128,
        radius: Float = 0.3,
        inheritance: Float = 0.6
    ) throws {
        self.shape = shape
        self.layout = layout
        self.inheritance = inheritance
        delta = [Float](repeating: 0, count: layout.count)
        library = try EnvironmentLibrary(capacity: capacity, radius: radius)
    }

    /// Finds the environment of a batch, or meets a new one; a new one begins with the nearest one's prompt where that
    /// is near.
    public mutating func environment(of key: EnvironmentKey) -> (number: Int, isNew: Bool) {
        let (shape, inheritance) = (shape, inheritance)
        return library.recall(key) { nearest in
            guard let nearest, nearest.distance <= inheritance else {
                return KnownEnvironment(prompt: shape.map { VisualPrompt($0) })
            }
            return KnownEnvironment(prompt: nearest.content.prompt, parent: UInt32(clamping: nearest.number))
        }
    }

    /// The environments that were met, also those that were forgotten.
    public var environmentCount: Int { library.made }

    /// The environment whose prompt an environment began with; nil for none.
    public func parent(of environment: Int) -> UInt32? { library[environment]?.parent }

    /// Counts a batch's statistics to an environment.
    public mutating func count(_ measured: [Float], to environment: Int) {
        guard var known = library[environment] else { return }
        known.add(measured)
        library[environment] = known
    }

    /// An environment's mean statistics; zeros (the source's) where none were measured.
    public func statistics(of environment: Int, count: Int) -> [Float] {
        let known = library[environment]?.statistics ?? []
        return known.isEmpty ? [Float](repeating: 0, count: count) : known
    }

    /// What is in force in an environment; the delta alone in one that was forgotten.
    public func state(in environment: Int) -> AdaptationState {
        let prompt = library[environment].map(\.prompt) ?? shape.map { VisualPrompt($0) }
        return AdaptationState(prompt: prompt, delta: delta)
    }

    /// Applies an update's bytes, unless the device's own held-out score falls by more than a tolerance.
    ///
    /// - Parameter heldOut: scores a state on samples that the device held out, larger is better; not finite counts as
    ///   worse than everything.
    /// - Throws: ``AdaptationError``: what reading the bytes throws, `staleVersion` for an update that is not newer;
    ///   the device then stays as it was.
    public mutating func apply(
        _ bytes: [UInt8],
        tolerance: Double,
        heldOut: (AdaptationState) throws -> Double
    ) throws -> Outcome {
        let update = try AdaptationUpdate(decoding: bytes, shape: shape, layout: layout)
        guard update.version > version else {
            throw AdaptationError(
                .staleVersion,
                "update \(update.version) is not newer than \(version), which this device has"
            )
        }
        let environment = Int(update.environment)
        let before = try heldOut(state(in: environment))
        let after = try heldOut(update.state)
        version = update.version
        guard after.isFinite, !(after < before - tolerance) else {
            rollbacks += 1
            return .rolledBack(before: before, after: after)
        }
        delta = update.state.delta
        if var known = library[environment] {
            known.prompt = update.state.prompt
            library[environment] = known
        }
        return .applied
    }
}
