// SPDX-License-Identifier: Apache-2.0

internal import Learning
internal import Selection

/// Runs a scenario: every method on every data set with every seed.
public enum AdaptationRun {
    /// One piece of work.
    private struct Piece {
        let order: Int
        let data: String
        let seed: UInt64
    }

    /// Runs everything; the result does not depend on the number of threads.
    ///
    /// - Parameters:
    ///   - threads: how many pieces (a data set with a seed) run at once, 1 or more.
    ///   - observer: called from these threads, some times a second of work.
    /// - Throws: ``LearningError``, ``AdaptationError``, ``SelectionError``.
    public static func run(
        _ scenario: AdaptationScenario,
        threads: Int,
        observer: @escaping @Sendable (AdaptationProgress) -> Void = { _ in }
    ) async throws -> AdaptationResult {
        precondition(threads >= 1, "work needs a thread")
        let pieces = scenario.data.flatMap { data in scenario.seeds.map { (data, $0) } }
            .enumerated()
            .map { Piece(order: $0.offset, data: $0.element.0, seed: $0.element.1) }
        var runs = [AdaptationResult.Run?](repeating: nil, count: pieces.count)
        try await withThrowingTaskGroup(of: (Int, AdaptationResult.Run).self) { group in
            var waiting = pieces[...]
            func start() {
                guard let piece = waiting.popFirst() else { return }
                group.addTask { (piece.order, try run(piece, of: scenario, observer)) }
            }
            for _ in 0..<threads { start() }
            while let (order, result) = try await group.next() {
                runs[order] = result
                start()
            }
        }
        return AdaptationResult(name: scenario.name, runs: runs.compactMap { $0 })
    }

    private static func run(
        _ piece: Piece,
        of scenario: AdaptationScenario,
        _ observer: @Sendable (AdaptationProgress) -> Void
    ) throws -> AdaptationResult.Run {
        let data = try DataSpecification(parsing: piece.data).loadWhole()
        let world = try AdaptationWorld(scenario, data: data, seed: piece.seed)
        var methods: [String: MethodOutcome] = [:]
        for method in scenario.methods {
            var next = 0
            methods[method.rawValue] = try StreamRun(world: world, scenario: scenario, method: method)
                .outcome { outcome, answered, uncertainty in
                    guard answered >= next || answered == world.stream.count else { return }
                    next = answered + max(world.stream.count / 50, 1)
                    observer(
                        AdaptationProgress(
                            data: piece.data,
                            seed: piece.seed,
                            method: method,
                            answered: answered,
                            total: world.stream.count,
                            accuracy: outcome.accuracy,
                            uncertainty: uncertainty,
                            bytesUp: outcome.bytesUp,
                            bytesDown: outcome.bytesDown
                        )
                    )
                }
        }
        return AdaptationResult.Run(
            data: piece.data,
            seed: piece.seed,
            models: try world.models(),
            methods: methods,
            phases: world.phases.map(\.environment.description),
            detection: scenario.detection.isEnabled
                ? try DetectionReport(world, outside: try outside(of: scenario), scenario) : nil
        )
    }

    /// The unfamiliar images; nil where none are named.
    private static func outside(of scenario: AdaptationScenario) throws -> SampleTable? {
        try scenario.detection.outside.map { try DataSpecification(parsing: $0).loadWhole().requireTest() }
    }
}

extension AdaptationWorld {
    /// How good the models are before anything adapts.
    func models() throws -> AdaptationResult.Models {
        let teacher = try SourceModel(model: self.teacher, source: teacherParameters)
        let device = try SourceModel(model: self.device, source: source)
        func accuracy(_ logits: [Float], _ table: SampleTable) throws -> Double {
            try ClassificationMetrics(logits: logits, classCount: self.device.classCount, labels: table.labels).accuracy
        }
        return AdaptationResult.Models(
            deviceClean: try accuracy(try device.answerAll(clean), clean),
            teacherClean: try accuracy(try teacher.answerAll(clean), clean),
            teacherStream: try accuracy(try teacher.answerAll(stream), stream),
            calibration: calibration
        )
    }
}
