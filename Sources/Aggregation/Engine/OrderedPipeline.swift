// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Carries numbered items through up to three stages on several threads, such that the outcome is that of one thread.
///
///     read      (optional) one item at a time, in order, by whichever thread is free: for decoders that only go
///     forward compute   any number of items at a time, into the item's slot consume   one item at a time, in order,
///     always on the caller's thread
///
/// At most as many items as there are slots are between read and consume, so memory is bounded.
final class OrderedPipeline: @unchecked Sendable {
    // Safe: all stored variables are guarded by `mutex`; the stages touch memory of their own worker or slot only.

    /// What to do with each item.
    struct Stages {
        var read: ((_ item: Int, _ worker: Int) throws -> Void)?
        var compute: (_ item: Int, _ worker: Int, _ slot: Int) throws -> Void
        var consume: (_ item: Int, _ slot: Int) throws -> Void
    }

    private let itemCount: Int
    private let slotCount: Int
    private let stages: Stages
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var next = 0
    private var consumed = 0
    private var isReading = false
    private var isReady: [Bool]
    private var failure: (item: Int, error: any Error)?

    private init(itemCount: Int, slotCount: Int, stages: Stages) {
        self.itemCount = itemCount
        self.slotCount = slotCount
        self.stages = stages
        isReady = [Bool](repeating: false, count: slotCount)
        mutex.initialize(to: pthread_mutex_t())
        changed.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        pthread_cond_destroy(changed)
        mutex.deallocate()
        changed.deallocate()
    }

    /// Carries items `0 ..< itemCount` through the stages.
    ///
    /// - Parameters:
    ///   - itemCount: how many.
    ///   - workerCount: the threads, the caller's included; at least 1.
    ///   - slotCount: at least 1; with one slot for each thread, all can compute, with more they need not wait for
    ///     consume.
    ///   - stages: what to do.
    /// - Throws: what a stage throws; of several failures that of the first item.
    static func run(itemCount: Int, workerCount: Int, slotCount: Int, stages: Stages) throws {
        precondition(workerCount >= 1 && slotCount >= 1, "a pipeline needs a thread and a slot")
        guard workerCount > 1 else {
            for item in 0..<itemCount {
                try stages.read?(item, 0)
                try stages.compute(item, 0, 0)
                try stages.consume(item, 0)
            }
            return
        }
        let pipeline = OrderedPipeline(itemCount: itemCount, slotCount: slotCount, stages: stages)
        // Where the system refuses a thread, the others do its work.
        let threads = (1..<workerCount).compactMap { pipeline.startThread(worker: $0) }
        pipeline.consumeAll()
        for thread in threads { pthread_join(thread, nil) }
        if let failure = pipeline.failure { throw failure.error }
    }

    private struct Launch {
        let pipeline: OrderedPipeline
        let worker: Int
    }

    private func startThread(worker: Int) -> pthread_t? {
        var thread = pthread_t()
        let launch = UnsafeMutablePointer<Launch>.allocate(capacity: 1)
        launch.initialize(to: Launch(pipeline: self, worker: worker))
        let status = pthread_create(
            &thread,
            nil,
            { argument in
                guard let launch = argument?.assumingMemoryBound(to: Launch.self) else { return nil }
                let (pipeline, worker) = (launch.pointee.pipeline, launch.pointee.worker)
                launch.deinitialize(count: 1).deallocate()
                pipeline.work(worker)
                return nil
            },
            launch
        )
        guard status == 0 else {
            launch.deinitialize(count: 1).deallocate()
            return nil
        }
        return thread
    }

    private var isFinished: Bool { failure != nil || next >= itemCount }

    private var canTakeItem: Bool { !isFinished && !isReading && next < consumed + slotCount }

    /// Takes items until there are none left.
    private func work(_ worker: Int) {
        pthread_mutex_lock(mutex)
        while !isFinished {
            if canTakeItem {
                advanceOneItem(worker)
            } else {
                pthread_cond_wait(changed, mutex)
            }
        }
        pthread_mutex_unlock(mutex)
    }

    /// Consumes in order and, while nothing is ready, works like the others.
    private func consumeAll() {
        pthread_mutex_lock(mutex)
        while failure == nil, consumed < itemCount {
            let slot = consumed % slotCount
            if isReady[slot] {
                let item = consumed
                unlocked(item: item) { try stages.consume(item, slot) }
                isReady[slot] = false
                consumed += 1
                pthread_cond_broadcast(changed)
            } else if canTakeItem {
                advanceOneItem(0)
            } else {
                pthread_cond_wait(changed, mutex)
            }
        }
        pthread_mutex_unlock(mutex)
    }

    /// Reads and computes the next item; called and left with the mutex held.
    private func advanceOneItem(_ worker: Int) {
        let item = next
        let slot = item % slotCount
        next += 1
        if let read = stages.read {
            isReading = true
            unlocked(item: item) { try read(item, worker) }
            isReading = false
            pthread_cond_broadcast(changed)
            guard failure == nil else { return }
        }
        unlocked(item: item) { try stages.compute(item, worker, slot) }
        isReady[slot] = true
        pthread_cond_broadcast(changed)
    }

    private func unlocked(item: Int, _ body: () throws -> Void) {
        pthread_mutex_unlock(mutex)
        var caught: (any Error)?
        do { try body() } catch { caught = error }
        pthread_mutex_lock(mutex)
        if let caught, item < failure?.item ?? Int.max {
            failure = (item, caught)
            pthread_cond_broadcast(changed)
        }
    }
}
