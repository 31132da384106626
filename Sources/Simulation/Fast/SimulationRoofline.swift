// SPDX-License-Identifier: Apache-2.0

import Dispatch
import EventLoop
import Learning
import ModelState
import RoundWork
import Rounds

/// How near a simulation comes to what the machine's arithmetic allows: its matrix products, measured one at a time on
/// as many threads at once as the simulation has, beside multiply-adds in registers.
public struct SimulationRoofline: Sendable {
    /// One product of a training step; of a layered model, and on oneDNN, one layer's way forward, or back with its
    /// step.
    public struct Product: Sendable {
        /// What it computes, and of what size.
        public let name: String
        /// Its floating-point operations for each sample, zeros counted.
        public let flopsPerSample: Double
        /// The time that it takes of a thread for one sample of a full batch.
        public fileprivate(set) var secondsPerSample: Double
        /// Whether zeros are left out.
        public let leavesZerosOut: Bool

        /// Its arithmetic, zeros counted, on one of the threads.
        public var gigaflopsPerSecond: Double { flopsPerSample / max(secondsPerSample, 1e-15) * 1e-9 }
    }

    /// The threads that train.
    public let threads: Int
    /// Multiply-adds in registers on one thread alone, in billions of floating-point operations a second.
    public let threadPeak: Double
    /// The same on all threads at once, summed: threads may share a core.
    public let peak: Double
    /// The operations of training on one sample once, zeros counted.
    public let flopsPerSample: Double
    /// The products of a step; empty for models without any.
    public let products: [Product]

    /// Measures, with the first client's samples as the batch.
    ///
    /// - Parameters:
    ///   - scenario: the scenario.
    ///   - data: its samples.
    ///   - seconds: about the time that each product, and each peak, is measured for.
    /// - Throws: an error that names the unknown model, or kernels that the program lacks.
    public init(_ scenario: Scenario, data: ClientData, seconds: Double = 0.1) throws {
        let recipe = try JobRecipe(scenario.job)
        let architecture = recipe.architecture
        let threads = scenario.threads > 0 ? scenario.threads : ProcessorCount.available
        self.threads = threads
        let clock = ContinuousClock()
        let begin = clock.now
        let now: @Sendable () -> Duration = { clock.now - begin }
        threadPeak = ProductProbe.peakGigaflopsPerSecond(repetitions: 20, iterations: 1_000_000, now: now)
        // As long as a product is measured: threads that share a core must meet.
        let iterations = max(1, Int(seconds * 1e9 * threadPeak / 384))
        peak = try Self.onAll(threads) { _ in
            ProductProbe.peakGigaflopsPerSecond(repetitions: 1, iterations: iterations, now: now)
        }.reduce(0, +)
        flopsPerSample = architecture.trainingFlopsPerSample
        guard architecture.hasSeparateProducts || architecture.isLayered else {
            products = []
            return
        }
        let samples = data.samples(of: 0).first(scenario.job.training.batchSize)
        let parameters = architecture.initialParameters(seed: JobRecipe.initialSeed(scenario.job))
        let timings = try Self.onAll(threads) { _ in
            try Self.measure(
                architecture,
                scenario.kernels,
                parameters,
                samples,
                lasting: .seconds(seconds),
                now: now
            )
        }
        products = timings[0].indices.map { index in Self.mean(timings.map { $0[index] }) }
    }

    private static func measure(
        _ architecture: ModelArchitecture,
        _ kernels: TrainingKernels,
        _ parameters: ParameterVector,
        _ samples: Samples,
        lasting duration: Duration,
        now: () -> Duration
    ) throws -> [Product] {
        guard architecture.hasSeparateProducts, kernels == .own else {
            let probe = try LayerProbe(model: architecture, parameters: parameters, samples: samples, on: kernels)
            return probe.measure(lasting: duration, now: now).map {
                Product(
                    name: $0.name,
                    flopsPerSample: $0.flopsPerSample,
                    secondsPerSample: $0.seconds / Double(samples.count),
                    leavesZerosOut: false
                )
            }
        }
        let probe = try ProductProbe(model: architecture, parameters: parameters, samples: samples)
        return probe.measure(lasting: duration, now: now).map {
            Product(
                name: $0.product.name,
                flopsPerSample: $0.product.flopsPerSample,
                secondsPerSample: $0.seconds / Double(samples.count),
                leavesZerosOut: $0.leavesZerosOut
            )
        }
    }

    /// One product as all threads measured it.
    private static func mean(_ all: [Product]) -> Product {
        var mean = all[0]
        mean.secondsPerSample = all.reduce(0) { $0 + $1.secondsPerSample } / Double(all.count)
        return mean
    }

    /// The share of the threads' time that products take at a pace; nil where there are none.
    public func productShare(samplesPerSecond: Double) -> Double? {
        guard !products.isEmpty else { return nil }
        return products.reduce(0) { $0 + $1.secondsPerSample } * samplesPerSecond / Double(threads)
    }

    /// The arithmetic of all products while they run, summed over the threads; nil where there are none.
    public var productGigaflopsPerSecond: Double? {
        let seconds = products.reduce(0) { $0 + $1.secondsPerSample }
        return seconds > 0 ? flopsPerSample / seconds * 1e-9 * Double(threads) : nil
    }

    private static func onAll<Value: Sendable>(
        _ threads: Int,
        _ body: @escaping @Sendable (Int) throws -> Value
    ) throws -> [Value] {
        let results = Results<Value>(count: threads)
        DispatchQueue.concurrentPerform(iterations: threads) { thread in
            results.set(thread, Result { try body(thread) })
        }
        return try results.values.map { try $0.get() }
    }

    private final class Results<Value: Sendable>: @unchecked Sendable {
        // Sendable: the values are used under the lock only.
        private let lock = Lock()
        private var all: [Result<Value, any Error>?]

        init(count: Int) { all = Array(repeating: nil, count: count) }

        func set(_ index: Int, _ value: Result<Value, any Error>) { lock.withLock { all[index] = value } }

        var values: [Result<Value, any Error>] { lock.withLock { all.compactMap { $0 } } }
    }
}
