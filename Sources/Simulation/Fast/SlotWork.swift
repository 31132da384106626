// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Learning
import ModelState
import Rounds

/// Hands out the clients of a cohort one by one, the dearest first, and adds up their changes, from any thread.
final class SlotWork: @unchecked Sendable {
    // Sendable: the members that change are used under the lock only; each slot has one writer, then many readers, each
    // stretch of the sum one writer.
    private let cohort: RoundCohort
    private let slots: UnsafeMutablePointer<Float>
    private let elementCount: Int
    private let order: [Int]
    private let sum: UnsafeMutableBufferPointer<Double>
    private let lock = Lock()
    private var next = 0
    private var nextStretch = 0
    private var outcomes: [Learning.TrainingOutcome?]
    private var failed = false

    /// Elements that a thread adds up at a time.
    private static let stretch = 8_192

    /// - Parameter slots: room for the changes of all clients.
    init(_ cohort: RoundCohort, slots: UnsafeMutablePointer<Float>, elementCount: Int) {
        self.cohort = cohort
        self.slots = slots
        self.elementCount = elementCount
        let costs = cohort.clients.map { cohort.data.sampleCount(of: $0) }
        order = costs.indices.sorted { (costs[$1], $0) < (costs[$0], $1) }
        outcomes = Array(repeating: nil, count: costs.count)
        sum = .allocate(capacity: elementCount)
        sum.initialize(repeating: 0)
    }

    deinit { sum.deallocate() }

    /// Whether a client failed.
    var hasFailed: Bool { lock.withLock { failed } }

    /// Trains clients until none is left.
    func run(_ trainer: CohortTrainer, from base: ParameterVector) {
        do {
            try trainer.begin(parameters: base, specification: cohort.group.training)
            while let client = takeClient() {
                let outcome = try trainer.train(cohort.block(client..<(client + 1)), at: 0, into: slot(client))
                lock.withLock { outcomes[client] = outcome }
            }
        } catch {
            lock.withLock { failed = true }
        }
    }

    private func slot(_ client: Int) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: slots + client * elementCount, count: elementCount)
    }

    private func takeClient() -> Int? {
        lock.withLock {
            guard next < order.count, !failed else { return nil }
            defer { next += 1 }
            return order[next]
        }
    }

    /// Adds up all changes, stretch by stretch, until none is left.
    func addUp() {
        while let range = takeStretch() {
            let target = UnsafeMutableBufferPointer(rebasing: sum[range])
            guard BlockFold.blockCount(updates: order.count) > 1 else {
                add(0..<order.count, range, to: target)
                continue
            }
            var fold = BlockFold(elementCount: range.count)
            for block in 0..<BlockFold.blockCount(updates: order.count) {
                var sum = [Double](repeating: 0, count: range.count)
                sum.withUnsafeMutableBufferPointer {
                    add(BlockFold.updates(ofBlock: block, of: order.count), range, to: $0)
                }
                fold.insert(sum, block: block)
            }
            _ = target.update(fromContentsOf: fold.total())
        }
    }

    private func add(_ clients: Range<Int>, _ range: Range<Int>, to sum: UnsafeMutableBufferPointer<Double>) {
        for client in clients {
            let change = UnsafeBufferPointer(rebasing: slot(client)[range])
            VectorKernels.accumulate(change, weight: cohort.coefficients[client], into: sum)
        }
    }

    private func takeStretch() -> Range<Int>? {
        lock.withLock {
            guard nextStretch < elementCount else { return nil }
            defer { nextStretch += Self.stretch }
            return nextStretch..<min(nextStretch + Self.stretch, elementCount)
        }
    }

    /// The sum of all changes and what each training came to.
    var results: (sum: [Double], outcomes: [Learning.TrainingOutcome])? {
        lock.withLock { failed ? nil : (Array(sum), outcomes.compactMap { $0 }) }
    }
}
