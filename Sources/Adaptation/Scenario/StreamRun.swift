// SPDX-License-Identifier: Apache-2.0

internal import Learning
internal import ModelState
internal import Randomness
internal import Selection

/// Runs one method over a world's stream.
struct StreamRun {
    let world: AdaptationWorld
    let scenario: AdaptationScenario
    let method: AdaptationScenario.Method

    /// Runs it.
    ///
    /// - Parameter observe: called after every batch.
    func outcome(observe: (MethodOutcome, Int, Double) -> Void) throws -> MethodOutcome {
        var outcome = MethodOutcome()
        var (right, sent) = (PhaseCounter(world.phases), PhaseCounter(world.phases))
        let answers = try method.usesCloud ? nil : makeAdapter()
        var pair = try method.usesCloud ? CollaboratingPair(world, scenario, method) : nil
        let (count, batch) = (world.stream.count, scenario.streams.batchSize)
        for start in stride(from: 0, to: count, by: batch) {
            let range = start..<min(start + batch, count)
            let images = range.flatMap { world.stream.features(of: $0) }
            var uncertainty = 0.0
            let logits: [Float]
            if let answers {
                logits = try answers.answer(images)
            } else if let step = try pair?.answer(images, first: start, into: &outcome) {
                logits = step.logits
                uncertainty = step.uncertainty
                for number in step.sent { sent.add(number) }
            } else {
                logits = []
            }
            for number in range where isRight(logits, number - start, world.stream.labels[number]) {
                right.add(number)
            }
            outcome.accuracy = Double(right.total) / Double(range.upperBound)
            observe(outcome, range.upperBound, uncertainty)
        }
        outcome.phaseAccuracies = right.shares
        outcome.phaseShares = sent.shares
        return outcome
    }

    private func makeAdapter() throws -> any TestTimeAdapter {
        let (model, source) = (world.device, world.source)
        switch method {
        case .statistics: return try EntropyMinimization(model: model, source: source, rate: 0)
        case .device: return try EntropyMinimization(model: model, source: source, rate: scenario.deviceRate)
        case .meanTeacher: return try MeanTeacherAdaptation(model: model, source: source, rate: scenario.deviceRate)
        default: return try SourceModel(model: model, source: source)
        }
    }

    private func isRight(_ logits: [Float], _ row: Int, _ label: Int32) -> Bool {
        let classes = world.device.classCount
        let values = logits[(row * classes)..<((row + 1) * classes)]
        var best = values.startIndex
        for index in values.indices where values[index] > values[best] { best = index }
        return best - values.startIndex == Int(label)
    }
}

/// Counts samples by the stream's phases.
struct PhaseCounter {
    private let ends: [Int]
    private var counts: [Int]
    private(set) var total = 0

    init(_ phases: [CorruptionSchedule.Phase]) {
        var end = 0
        ends = phases.map { phase in
            end += phase.sampleCount
            return end
        }
        counts = [Int](repeating: 0, count: phases.count)
    }

    /// Counts a sample; numbers rise.
    mutating func add(_ number: Int) {
        total += 1
        if let phase = ends.firstIndex(where: { number < $0 }) { counts[phase] += 1 }
    }

    /// The share of each phase's samples that was counted.
    var shares: [Double] {
        counts.indices.map { Double(counts[$0]) / Double(ends[$0] - ($0 > 0 ? ends[$0 - 1] : 0)) }
    }
}
