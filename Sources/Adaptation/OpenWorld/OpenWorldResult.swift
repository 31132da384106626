// SPDX-License-Identifier: Apache-2.0

internal import Learning
internal import Rounds

/// What an open-world scenario measured.
public struct OpenWorldResult: Sendable, Codable {
    /// Accuracies on the test samples; classes that nobody labelled count under the best naming of the answers.
    public struct Accuracy: Sendable, Hashable, Codable {
        /// Over all classes, all under the best naming.
        public var all: Double
        /// Over seen classes, by their own names.
        public var seen: Double
        /// Over unseen classes, under the best naming of these alone.
        public var unseen: Double
        /// Over rare classes, under the best naming of all.
        public var rare: Double
    }

    /// A method with a seed.
    public struct Run: Sendable, Codable {
        /// The seed.
        public var seed: UInt64
        /// The method.
        public var method: OpenWorldScenario.Method
        /// The accuracies after every round.
        public var rounds: [Accuracy] = []
    }

    /// A method over all seeds, after the last round.
    public struct Summary: Sendable, Hashable, Codable {
        /// The means.
        public var mean: Accuracy
        /// The sample standard deviations over the seeds; 0 for one seed.
        public var spread: Accuracy
    }

    /// The scenario's name.
    public var name: String
    /// The summaries by method.
    public var methods: [String: Summary]
    /// All runs.
    public var runs: [Run]
}

/// How far a run is.
public struct OpenWorldProgress: Sendable {
    /// The seed.
    public let seed: UInt64
    /// The method.
    public let method: OpenWorldScenario.Method
    /// The accuracies so far.
    public let rounds: [OpenWorldResult.Accuracy]
}

extension OpenWorldResult {
    init(name: String, runs: [Run]) {
        self.name = name
        self.runs = runs
        methods = [:]
        for method in Set(runs.map(\.method)) {
            let last = runs.filter { $0.method == method }.compactMap(\.rounds.last)
            guard !last.isEmpty else { continue }
            let parts = [\Accuracy.all, \.seen, \.unseen, \.rare].map { part in last.map { $0[keyPath: part] } }
            let means = parts.map { $0.reduce(0, +) / Double($0.count) }
            let spreads = zip(parts, means).map { values, mean in
                let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
                return values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : 0
            }
            methods[method.rawValue] = Summary(mean: Accuracy(means), spread: Accuracy(spreads))
        }
    }
}

extension OpenWorldResult.Accuracy {
    fileprivate init(_ values: [Double]) {
        self.init(all: values[0], seen: values[1], unseen: values[2], rare: values[3])
    }

    init(_ answers: [Int], _ test: SampleTable, _ scenario: OpenWorldScenario) {
        let (labels, classes) = (test.labels.map(Int.init), scenario.model.classes)
        var counts = [[Int]](repeating: [Int](repeating: 0, count: classes), count: classes)
        for (answer, label) in zip(answers, labels) { counts[answer][label] += 1 }
        let names = ClusterMatching.bestNames(counts)
        func share(_ rows: [Int], _ isRight: (Int) -> Bool) -> Double {
            rows.isEmpty ? 0 : Double(rows.count(where: isRight)) / Double(rows.count)
        }
        let seen = labels.indices.filter { labels[$0] < scenario.seenClasses }
        let unseen = labels.indices.filter { labels[$0] >= scenario.seenClasses }
        let rare = labels.indices.filter { labels[$0] >= classes - scenario.rareClasses }
        self.init(
            all: share(Array(labels.indices)) { names[answers[$0]] == labels[$0] },
            seen: share(seen) { answers[$0] == labels[$0] },
            unseen: ClusterMatching.accuracy(
                unseen.map { answers[$0] },
                labels: unseen.map { labels[$0] },
                classes: classes
            ),
            rare: share(rare) { names[answers[$0]] == labels[$0] }
        )
    }
}
