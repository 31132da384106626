// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Learning
import Rounds
import Simulation

extension BenchCommand {
    /// Measures a simulation beside the machine's arithmetic.
    struct Simulate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The pace of a simulation, the share of its matrix products and the arithmetic that they reach.",
            discussion: """
                Runs a scenario of mode fast, then its products one at a time on as many threads at once, then \
                multiply-adds in registers: what the machine can do at most. Zeros count as arithmetic, and products \
                that leave them out can so exceed the peak. Of layered models, and on oneDNN, whole layers are \
                measured, their way forward and their way back, in the usual count of operations.

                Example: tributary bench simulate Simulations/peers-s1.yaml --threads 2
                """
        )

        @Argument(help: ArgumentHelp("The scenario file (YAML).", valueName: "scenario.yaml")) var scenario: String
        @Option(name: .customLong("set"), help: ArgumentHelp("Override a key.", valueName: "key=value"))
        var overrides: [String] = []
        @Option(help: "Threads that train; 0 for one a core.") var threads = 0
        @Option(help: ArgumentHelp("Whose kernels train: own or onednn.", valueName: "own|onednn"))
        var kernels: String?
        @Flag(help: "Print one JSON object.") var json = false

        func run() async throws {
            try await Failure.reporting {
                let further = ["threads=\(threads)"] + (kernels.map { ["kernels=\($0)"] } ?? [])
                let scenario = try ScenarioFile.read(self.scenario, overrides: overrides + further)
                guard scenario.mode == .fast, scenario.devices == nil else {
                    throw Failure(.badInput, "a simulation is measured in mode fast and without devices")
                }
                try scenario.kernels.check()
                let data = try ClientData(scenario)
                let result = try SimulationRun.run(scenario, data: data)
                try Outcome.check(result.status)
                let memory = RunReport.peakMegabytes()
                let start = result.firstTask.flatMap { ProcessSample.age(at: $0) }
                guard let pace = result.pace else { throw Failure(.badInput, "there are no rounds to measure") }
                let record = Record(
                    name: scenario.job.name,
                    kernels: scenario.kernels,
                    pace: pace,
                    startSeconds: start ?? 0,
                    peakMegabytes: memory,
                    roofline: try SimulationRoofline(scenario, data: data)
                )
                Console.print(json ? try Format.json(record) : record.text)
            }
        }
    }

    fileprivate struct Record: Encodable {
        struct Product: Encodable {
            let name: String
            let microseconds: Double
            let gigaflops: Double
            let leavesZerosOut: Bool

            private enum CodingKeys: String, CodingKey {
                case name
                case microseconds = "us_per_sample"
                case gigaflops = "gflops"
                case leavesZerosOut = "leaves_zeros_out"
            }
        }

        let name: String
        let kernels: TrainingKernels
        let threads: Int
        let samplesPerSecond: Double
        let clientsPerSecond: Double
        let medianRoundSeconds: Double
        let startSeconds: Double
        let peakMegabytes: Double
        let threadPeak: Double
        let peak: Double
        let flopsPerSample: Double
        let gigaflops: Double
        let productShare: Double?
        let productGigaflops: Double?
        let products: [Product]

        private enum CodingKeys: String, CodingKey {
            case name, kernels, threads, products
            case samplesPerSecond = "round_samples_per_s"
            case clientsPerSecond = "round_clients_per_s"
            case medianRoundSeconds = "round_s_median"
            case startSeconds = "start_s"
            case peakMegabytes = "peak_rss_mb"
            case threadPeak = "peak_gflops_one_thread"
            case peak = "peak_gflops"
            case flopsPerSample = "flops_per_sample"
            case gigaflops = "gflops"
            case productShare = "product_share"
            case productGigaflops = "product_gflops"
        }

        init(
            name: String,
            kernels: TrainingKernels,
            pace: SimulationPace,
            startSeconds: Double,
            peakMegabytes: Double,
            roofline: SimulationRoofline
        ) {
            self.name = name
            self.kernels = kernels
            threads = roofline.threads
            samplesPerSecond = pace.samplesPerSecond
            clientsPerSecond = pace.clientsPerSecond
            medianRoundSeconds = pace.medianRoundSeconds
            self.startSeconds = startSeconds
            self.peakMegabytes = peakMegabytes
            threadPeak = roofline.threadPeak
            peak = roofline.peak
            flopsPerSample = roofline.flopsPerSample
            gigaflops = roofline.flopsPerSample * pace.samplesPerSecond * 1e-9
            productShare = roofline.productShare(samplesPerSecond: pace.samplesPerSecond)
            productGigaflops = roofline.productGigaflopsPerSecond
            products = roofline.products.map {
                Product(
                    name: $0.name,
                    microseconds: 1e6 * $0.secondsPerSample,
                    gigaflops: $0.gigaflopsPerSecond,
                    leavesZerosOut: $0.leavesZerosOut
                )
            }
        }

        private func percent(_ share: Double) -> String { "\(Format.decimals(100 * share, 0)) %" }

        var text: String {
            let rates =
                "\(Format.decimals(samplesPerSecond, 0)) samples/s, "
                + "\(Format.decimals(clientsPerSecond, 0)) clients/s"
            let peaks =
                "\(Format.decimals(threadPeak, 1)) GFLOP/s one thread alone, "
                + "\(Format.decimals(peak, 1)) all at once"
            var lines = [
                ("round", "\(Format.decimals(1e3 * medianRoundSeconds, 1)) ms, \(rates)"),
                ("first task", "\(Format.decimals(startSeconds, 2)) s after the start"),
                ("peak memory", "\(Format.decimals(peakMegabytes, 1)) MB"),
                ("peak", peaks),
                ("all in all", "\(Format.decimals(gigaflops, 1)) GFLOP/s, \(percent(gigaflops / peak)) of the peak"),
            ]
            if let productShare, let productGigaflops {
                let rate = "\(Format.decimals(productGigaflops, 1)) GFLOP/s, \(percent(productGigaflops / peak))"
                lines.append(("products", "\(percent(productShare)) of the time, at \(rate) of the peak"))
            }
            for product in products {
                let time = Format.column(Format.decimals(product.microseconds, 3), 9) + " us a sample, "
                let rate = Format.column(Format.decimals(product.gigaflops, 1), 7) + " GFLOP/s a thread"
                let zeros = product.leavesZerosOut ? ", zeros left out" : ""
                lines.append(("", Format.column(product.name, 34, left: true) + time + rate + zeros))
            }
            let head = "\(name) on \(threads) threads" + (kernels == .own ? "" : ", kernels \(kernels.rawValue)")
            return ([head] + lines.map { "  " + Format.column($0.0, 14, left: true) + $0.1 })
                .joined(separator: "\n")
        }
    }
}
