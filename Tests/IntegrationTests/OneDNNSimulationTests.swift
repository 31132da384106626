// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The same simulation on the own kernels and on oneDNN's, by a program that has both.
@Suite(.fewAtATime)
struct OneDNNSimulationTests {
    /// A job of a model kind; the batch size divides no client's samples.
    struct Case: Sendable, CustomTestStringConvertible {
        let kind: String
        var settings = ""
        var training = "{local_epochs: 1, batch_size: 7, learning_rate: 0.05}"

        var testDescription: String { kind }

        var job: TestJob {
            let input = kind == "gru" ? "[12]" : "[28, 28]"
            let classes = kind == "gru" ? 97 : 10
            var job = TestJob(name: "kernels", rounds: 2, agents: 3)
            job.model = "{kind: \(kind), input: \(input), classes: \(classes)\(settings)}"
            job.training = training
            job.data = "glyphs?samples=60&test=20"
            return job
        }
    }

    static let cases = [
        Case(
            kind: "mlp",
            settings: ", hidden: [40, 17]",
            training: "{local_epochs: 2, batch_size: 7, learning_rate: 0.05, momentum: 0.9, weight_decay: 0.01}"
        ),
        Case(kind: "softmax"),
        Case(
            kind: "cnn",
            settings: ", settings: {width: 8, dense: 40}",
            training: "{local_epochs: 1, batch_size: 7, learning_rate: 0.02, momentum: 0.9, weight_decay: 0.01}"
        ),
        Case(kind: "lenet"), Case(kind: "small-cnn"), Case(kind: "resnet"),
        Case(kind: "gru", settings: ", settings: {width: 20}"),
    ]

    /// How far a tensor of two models may be apart, as a share of how far training moved it.
    ///
    /// Sums of floats in another order differ by about 1e-6 of a gradient, which steps and a ReLU or a pooling that
    /// decides otherwise multiply; a wrong gradient, were it one layer's bias, leaves its tensor a good share away.
    private static let bound = 1e-3

    private static let missing: Comment =
        "SKIPPED: the program was built without oneDNN; name one built with TRIBUTARY_DNNL=1 in TRIBUTARY_BINARY"

    @Test(.enabled(if: Program.hasOneDNN, missing), arguments: cases)
    func modelsAreThoseOfTheOwnKernels(_ golden: Case) async throws {
        try await LocalCluster.with { cluster in
            var job = golden.job
            if golden.kind == "gru" {
                let letters = Array("etaoin shrdlu".utf8)
                let text = Data((0..<900).map { letters[$0 * $0 % letters.count] })
                job.data = "text:\(try cluster.folder.write(text, to: "text.txt"))?length=12&stride=9"
            }
            let scenario = try cluster.folder.write(job.scenario, to: "scenario.yaml")
            func model(_ name: String, _ options: String...) async throws -> [String: [Double]] {
                let file = cluster.folder.path("\(name).safetensors")
                let run = try cluster.start(
                    ["simulate", scenario, "--output", file, "--json", "--quiet"] + options,
                    name: name
                )
                #expect(try await run.exitCode() == 0, "\(run.errors)")
                return try Self.tensors(file)
            }
            let start = try await model("start", "--set", "training.trainer=none")
            let own = try await model("own", "--kernels", "own")
            let other = try await model("onednn", "--kernels", "onednn")
            for (name, tensor) in own {
                let (error, moved) = (Self.distance(tensor, other[name]), Self.distance(tensor, start[name]))
                #expect(moved > 0 && error < Self.bound * moved, "\(golden.kind), \(name): \(error) of \(moved)")
            }
            // Other kernels: the last bits differ, unless the choice went nowhere.
            #expect(own != other)
        }
    }

    @Test(.enabled(if: Program.hasOneDNN, missing), arguments: ["mlp", "lenet"])
    func layersAreMeasuredOnTheKernelsOfTheScenario(kind: String) async throws {
        try await LocalCluster.with { cluster in
            let golden = try #require(Self.cases.first { $0.kind == kind })
            let scenario = try cluster.folder.write(golden.job.scenario, to: "scenario.yaml")
            let run = try cluster.start(
                ["bench", "simulate", scenario, "--kernels", "onednn", "--threads", "1", "--json"],
                name: "bench"
            )
            #expect(try await run.exitCode() == 0)
            let record = try #require(try run.records().last)
            #expect(record["kernels"]?.text == "onednn")
            let names = try #require(record["products"]?.list).compactMap { $0["name"]?.text }
            #expect(names.count >= 6 && names.count.isMultiple(of: 2))
            #expect(names.prefix(names.count / 2).allSatisfy { $0.hasPrefix("forward ") })
            #expect(names.suffix(names.count / 2).allSatisfy { $0.hasPrefix("backward ") })
        }
    }

    @Test(.enabled(if: !Program.hasOneDNN, "SKIPPED: the program was built with oneDNN"), arguments: [false, true])
    func aProgramWithoutOneDNNNamesTheBuildThatHasIt(isBench: Bool) async throws {
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(Self.cases[0].job.scenario, to: "scenario.yaml")
            let command = isBench ? ["bench", "simulate"] : ["simulate"]
            let run = try cluster.start(command + [scenario, "--kernels", "onednn"], name: "lacking")
            #expect(try await run.exitCode() == 65)
            #expect(run.errorLines.count == 1 && run.output.isEmpty)
            for text in ["tributary: ", "TRIBUTARY_DNNL=1", "libdnnl-dev", "own"] {
                #expect(run.errors.contains(text), "names \(text): \(run.errors)")
            }
        }
    }

    @Test func unknownKernelsAreRefused() async throws {
        try await LocalCluster.with { cluster in
            let scenario = try cluster.folder.write(Self.cases[0].job.scenario, to: "scenario.yaml")
            let outcome = try await cluster.command("simulate", scenario, "--kernels", "mkl")
            #expect(outcome.code == 65 && outcome.errorLines.count == 1)
            #expect(outcome.errors.contains("'kernels' is 'mkl'") && outcome.errors.contains("own, onednn"))
        }
    }

    /// The tensors of a safetensors file: a length, a JSON header that says where each lies, their bytes.
    private static func tensors(_ path: String) throws -> [String: [Double]] {
        let data = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let length = (0..<8).reduce(0) { $0 | Int(data[$1]) << (8 * $1) }
        let header = try JSONValue(parsing: String(decoding: data[8..<(8 + length)], as: UTF8.self))
        var tensors: [String: [Double]] = [:]
        for name in header.keys where name != "__metadata__" {
            let places = try #require(header[name]?["data_offsets"]?.list).compactMap(\.integer)
            tensors[name] = stride(from: 8 + length + places[0], to: 8 + length + places[1], by: 4).map { start in
                let word = (0..<4).reduce(UInt32(0)) { $0 | UInt32(data[start + $1]) << (8 * UInt32($1)) }
                return Double(Float(bitPattern: word))
            }
        }
        return tensors
    }

    private static func distance(_ a: [Double], _ other: [Double]?) -> Double {
        guard let b = other, a.count == b.count else { return .infinity }
        return zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    }
}
