// SPDX-License-Identifier: Apache-2.0

/// Keeps something for each environment that was met and finds it again by the statistics of images.
///
/// An environment's key is the mean of the keys that were counted to it. The library is bounded: the entry that was
/// used longest ago makes room.
public struct EnvironmentLibrary<Content: Sendable>: Sendable {
    /// One environment.
    public struct Entry: Sendable {
        /// The environment's number, never used again.
        public let number: Int
        /// The mean key.
        public fileprivate(set) var key: EnvironmentKey
        /// How many keys it is the mean of.
        public fileprivate(set) var keyCount: Int
        /// What is kept.
        public var content: Content
        /// The number of the look-up that found it last.
        public fileprivate(set) var lastUse: Int

        init(number: Int, key: EnvironmentKey, keyCount: Int, content: Content, lastUse: Int) {
            self.number = number
            self.key = key
            self.keyCount = keyCount
            self.content = content
            self.lastUse = lastUse
        }
    }

    /// The most entries.
    public let capacity: Int
    /// The distance up to which a key belongs to an environment, in root mean square units of the clean spread.
    public let radius: Float
    /// The entries, oldest first.
    public private(set) var entries: [Entry] = []
    /// The environments that were met, also those that were forgotten.
    public private(set) var made = 0
    /// How often an environment was looked for.
    public private(set) var uses = 0

    /// Creates an empty library.
    ///
    /// - Throws: ``AdaptationError`` with code `invalidParameter`.
    public init(capacity: Int, radius: Float) throws {
        guard capacity >= 1, radius >= 0, radius.isFinite else {
            throw AdaptationError(
                .invalidParameter,
                "a library has room for 1 or more (\(capacity)) and a radius of 0 or more (\(radius))"
            )
        }
        self.capacity = capacity
        self.radius = radius
    }

    /// Takes up entries that were kept.
    mutating func restore(_ entries: [Entry], made: Int, uses: Int) {
        self.entries = entries
        self.made = max(made, (entries.map(\.number).max() ?? -1) + 1)
        self.uses = uses
    }

    /// The root mean square distance of two keys.
    public static func distance(_ first: EnvironmentKey, _ second: EnvironmentKey) -> Float {
        let sum = zip(first.values, second.values).reduce(Float(0)) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return (sum / Float(EnvironmentKey.count)).squareRoot()
    }

    /// The entry nearest to a key, and its distance; nil in an empty library.
    public func nearest(to key: EnvironmentKey) -> (position: Int, distance: Float)? {
        entries.indices
            .map { ($0, Self.distance(entries[$0].key, key)) }
            .min { $0.1 < $1.1 }
    }

    /// Finds the environment that a key belongs to, or makes one from the nearest.
    ///
    /// - Parameter make: what a new environment begins with, given the nearest one's number, content and distance
    ///     (nil for the first).
    /// - Returns: the environment's number, and whether it is new.
    public mutating func recall(
        _ key: EnvironmentKey,
        make: ((number: Int, content: Content, distance: Float)?) -> Content
    ) -> (number: Int, isNew: Bool) {
        uses += 1
        let found = nearest(to: key)
        if let found, found.distance <= radius {
            let position = found.position
            let count = Float(min(entries[position].keyCount + 1, 256))
            for index in key.values.indices {
                entries[position].key.values[index] += (key.values[index] - entries[position].key.values[index]) / count
            }
            entries[position].keyCount += 1
            entries[position].lastUse = uses
            return (entries[position].number, false)
        }
        let content = make(found.map { (entries[$0.position].number, entries[$0.position].content, $0.distance) })
        if entries.count == capacity,
            let oldest = entries.indices.min(by: { entries[$0].lastUse < entries[$1].lastUse })
        {
            entries.remove(at: oldest)
        }
        entries.append(Entry(number: made, key: key, keyCount: 1, content: content, lastUse: uses))
        made += 1
        return (made - 1, true)
    }

    /// The content of an environment, by number; setting it where the environment was forgotten does nothing.
    public subscript(number: Int) -> Content? {
        get { entries.first { $0.number == number }?.content }
        set {
            guard let newValue, let position = entries.firstIndex(where: { $0.number == number }) else { return }
            entries[position].content = newValue
        }
    }
}
