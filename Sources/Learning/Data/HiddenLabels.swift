// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// Takes labels away from training samples, to see what a method makes of samples that nobody labelled.
///
/// Of the classes below `seenClasses` a share keeps its labels, drawn sample by sample; all others lose theirs.
public struct HiddenLabels: Sendable, Hashable {
    /// The classes of which samples are labelled: those from 0; nil for all.
    public var seenClasses: Int?
    /// The share of these classes' samples that keeps its labels, 0 to 1.
    public var labelledFraction: Double

    /// Creates a rule.
    public init(seenClasses: Int? = nil, labelledFraction: Double = 1) {
        self.seenClasses = seenClasses
        self.labelledFraction = labelledFraction
    }

    /// Which samples keep their labels; a pure function of its arguments.
    public func kept(labels: [Int32], seed: Seed) -> [Bool] {
        var generator = SeededGenerator(seed: seed.deriving("hidden-labels"))
        return labels.map { label in
            // Drawn for every sample, so that the classes do not decide about each other.
            let isChosen = generator.uniform() < labelledFraction
            return isChosen && Int(label) < seenClasses ?? .max
        }
    }
}
