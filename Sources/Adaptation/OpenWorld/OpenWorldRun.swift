// SPDX-License-Identifier: Apache-2.0

internal import Learning
internal import ModelState
internal import Randomness
internal import Rounds

/// Runs an open-world scenario: every method with every seed, from the same start on the same clients.
public enum OpenWorldRun {
    private struct Piece {
        let order: Int
        let seed: UInt64
        let method: OpenWorldScenario.Method
    }

    /// Runs everything; the result does not depend on the number of threads.
    ///
    /// - Parameter observer: called after every round, from these threads.
    /// - Throws: ``LearningError``, ``AdaptationError``.
    public static func run(
        _ scenario: OpenWorldScenario,
        threads: Int,
        observer: @escaping @Sendable (OpenWorldProgress) -> Void = { _ in }
    ) async throws -> OpenWorldResult {
        precondition(threads >= 1, "work needs a thread")
        let pieces = scenario.seeds.flatMap { seed in scenario.methods.map { (seed, $0) } }
            .enumerated()
            .map { Piece(order: $0.offset, seed: $0.element.0, method: $0.element.1) }
        var runs = [OpenWorldResult.Run?](repeating: nil, count: pieces.count)
        let data = try DataSpecification(parsing: scenario.data).loadWhole()
        try await withThrowingTaskGroup(of: (Int, OpenWorldResult.Run).self) { group in
            var waiting = pieces[...]
            func start() {
                guard let piece = waiting.popFirst() else { return }
                group.addTask { (piece.order, try run(piece, of: scenario, data, observer)) }
            }
            for _ in 0..<threads { start() }
            while let (order, result) = try await group.next() {
                runs[order] = result
                start()
            }
        }
        return OpenWorldResult(name: scenario.name, runs: runs.compactMap { $0 })
    }

    private static func run(
        _ piece: Piece,
        of scenario: OpenWorldScenario,
        _ data: Dataset,
        _ observer: @Sendable (OpenWorldProgress) -> Void
    ) throws -> OpenWorldResult.Run {
        let seed = Seed(piece.seed).deriving("open-world")
        let model = try ModelArchitecture(scenario.model)
        let session = try ModelSession(model: model)
        let test = try data.requireTest()
        let clients = try deal(try data.requireTrain(), scenario, seed: seed)
        var parameters = model.initialParameters(seed: seed.deriving("initial"))
        var objective = OpenWorldObjective()
        let suppression = try SuppressedConfidence(base: scenario.base)
        var run = OpenWorldResult.Run(seed: piece.seed, method: piece.method)
        for round in 0..<scenario.rounds {
            objective.usesUnlabelled = piece.method != .supervised && round >= scenario.supervisedRounds
            let contributions = try clients.enumerated().map { number, client in
                try client.train(
                    session,
                    parameters,
                    objective: objective,
                    scenario: scenario,
                    seed: seed.deriving("round", UInt64(round)).deriving("client", UInt64(number))
                )
            }
            var mean = ParameterVector(zeros: parameters.count)
            for contribution in contributions {
                mean.add(contribution.parameters, scale: 1 / Float(contributions.count))
            }
            guard mean.isFinite else {
                throw AdaptationError(.notFinite, "round \(round) of \(piece.method.rawValue) diverged; lower the rate")
            }
            parameters = mean
            if piece.method.suppresses {
                let counts = (0..<model.classCount).map { index in
                    contributions.reduce(0) { $0 + $1.counts[index] }
                }
                objective.suppression = scenario.suppression
                objective.classWeights = suppression.weights(counts: counts)
            }
            if piece.method.calibrates, round + 1 >= scenario.warmUp {
                objective.alignment = scenario.alignment
                objective.clusterFloor = round + 1 >= scenario.warmUp + 2 ? scenario.clusterFloor : 1.1
                objective.centroids = try calibrated(contributions, objective.centroids, model.classCount)
            }
            let answers = try answer(test, session, parameters)
            run.rounds.append(OpenWorldResult.Accuracy(answers, test, scenario))
            observer(OpenWorldProgress(seed: piece.seed, method: piece.method, rounds: run.rounds))
        }
        return run
    }

    private static func calibrated(
        _ contributions: [OpenWorldClient.Contribution],
        _ before: FeatureVectors?,
        _ classes: Int
    ) throws -> FeatureVectors {
        var means: [Int: [Float]] = [:]
        for contribution in contributions {
            means.merge(contribution.sums) { zip($0, $1).map { $0 + $1 } }
        }
        let width = contributions[0].centroids.width
        return try CentroidCalibration().centroids(
            classes: classes,
            local: FeatureVectors(contributions.flatMap(\.centroids.values), width: width),
            from: before,
            means: means
        )
    }

    private static func answer(
        _ table: SampleTable,
        _ session: ModelSession,
        _ parameters: ParameterVector
    ) throws -> [Int] {
        try session.load(parameters)
        let head = OpenWorldHead.vectors(parameters, session.model)
        return try stride(from: 0, to: table.count, by: 128).flatMap { start in
            try session.forward(table, rows: start..<min(start + 128, table.count))
            return OpenWorldHead.answers(FeatureVectors(session.features, width: session.featureCount), head)
        }
    }

    /// Deals samples: rare classes to one client each, all others evenly; a part of the seen classes is labelled.
    static func deal(
        _ table: SampleTable,
        _ scenario: OpenWorldScenario,
        seed: Seed
    ) throws -> [OpenWorldClient] {
        var generator = SeededGenerator(seed: seed.deriving("deal"))
        let order = generator.permutation(table.count).prefix(scenario.samples)
        let rare = scenario.model.classes - scenario.rareClasses
        var (rows, labels) = (
            [[UInt32]](repeating: [], count: scenario.clients), [[Int?]](repeating: [], count: scenario.clients)
        )
        for (number, row) in order.enumerated() {
            let label = Int(table.labels[row])
            let client = label >= rare ? (label - rare) % scenario.clients : number % scenario.clients
            let isLabelled = label < scenario.seenClasses && generator.uniform() < scenario.labelledFraction
            rows[client].append(UInt32(row))
            labels[client].append(isLabelled ? label : nil)
        }
        guard rows.allSatisfy({ $0.count >= 2 }) else {
            throw AdaptationError(.missingInput, "\(order.count) samples are too few for \(scenario.clients) clients")
        }
        return zip(rows, labels).map { OpenWorldClient(table: table.compacted($0), labels: $1) }
    }
}
