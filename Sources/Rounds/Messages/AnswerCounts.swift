// SPDX-License-Identifier: Apache-2.0

/// Which answers samples got, class by class: what accuracy is made of where nobody labelled some of the classes.
///
/// A model that learned to tell such classes apart has no names for them: its answers are named so that most of them
/// are right (``ClusterMatching``), after all clients' counts were added up.
public struct AnswerCounts: Sendable, Hashable, Codable {
    /// The most classes.
    public static let maximumClasses = 64

    /// Accuracies under the best names.
    public struct Accuracies: Sendable, Hashable, Codable {
        /// Over all samples, all answers under their best names.
        public var all: Double
        /// Over the samples of seen classes, by their own names.
        public var seen: Double
        /// Over the samples of unseen classes, under the best names for these alone.
        public var unseen: Double
        /// Over the samples of each class, under the names of ``all``; 0 for a class without samples.
        public var classes: [Double]
    }

    /// The classes, 1 to ``maximumClasses``.
    public let classes: Int
    /// The classes of which samples were labelled: those from 0.
    public let seenClasses: Int
    /// How many samples of each class (columns) got each answer (rows), row by row.
    public private(set) var counts: [UInt64]

    /// Creates counts.
    ///
    /// - Precondition: `classes` x `classes` counts, whose sum fits; no more seen classes than classes.
    public init(classes: Int, seenClasses: Int, counts: [UInt64]) {
        precondition((1...Self.maximumClasses).contains(classes), "1 to \(Self.maximumClasses) classes")
        precondition((0...classes).contains(seenClasses), "seen classes are classes")
        precondition(counts.count == classes * classes, "a count for each answer and class")
        (self.classes, self.seenClasses, self.counts) = (classes, seenClasses, counts)
    }

    /// Creates counts of no samples.
    public init(classes: Int, seenClasses: Int) {
        self.init(
            classes: classes,
            seenClasses: seenClasses,
            counts: [UInt64](repeating: 0, count: classes * classes)
        )
    }

    /// The number of samples.
    public var sampleCount: UInt64 { counts.reduce(0, +) }

    /// Counts an answer.
    public mutating func count(answer: Int, label: Int) { counts[answer * classes + label] += 1 }

    /// Adds counts of the same classes.
    ///
    /// - Returns: false, with nothing added, for counts of other classes.
    public mutating func add(_ other: AnswerCounts) -> Bool {
        guard other.classes == classes, other.seenClasses == seenClasses else { return false }
        for index in counts.indices { counts[index] += other.counts[index] }
        return true
    }

    /// The class that each answer stands for, so that most are right.
    public var names: [Int] { ClusterMatching.bestNames(rows(0..<classes)) }

    /// The share of samples that are right when answers have these names; 0 for no samples.
    public func accuracy(naming names: [Int]) -> Double {
        Self.share(names.indices.reduce(0) { $0 + counts[$1 * classes + names[$1]] }, sampleCount)
    }

    /// Accuracies under the best names.
    public var accuracies: Accuracies {
        let names = names
        let totals = (0..<classes).map { label in (0..<classes).reduce(UInt64(0)) { $0 + at($1, label) } }
        let (seen, unseen) = (0..<seenClasses, seenClasses..<classes)
        let unseenNames = ClusterMatching.bestNames(rows(unseen))
        let answers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        return Accuracies(
            all: accuracy(naming: names),
            seen: Self.share(seen.reduce(0) { $0 + at($1, $1) }, seen.reduce(0) { $0 + totals[$1] }),
            unseen: Self.share(
                (0..<classes).reduce(0) { $0 + (unseen.contains(unseenNames[$1]) ? at($1, unseenNames[$1]) : 0) },
                unseen.reduce(0) { $0 + totals[$1] }
            ),
            classes: (0..<classes).map { label in Self.share(answers[label].map { at($0, label) } ?? 0, totals[label]) }
        )
    }

    private func at(_ answer: Int, _ label: Int) -> UInt64 { counts[answer * classes + label] }

    /// The counts by answer, those of samples of other classes left out.
    private func rows(_ labels: Range<Int>) -> [[Int]] {
        (0..<classes).map { answer in
            (0..<classes).map { labels.contains($0) ? Int(clamping: at(answer, $0)) : 0 }
        }
    }

    private static func share(_ part: UInt64, _ whole: UInt64) -> Double {
        whole == 0 ? 0 : Double(part) / Double(whole)
    }
}
