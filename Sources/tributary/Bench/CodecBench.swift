// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LosslessCoding
import ModelState
import Randomness
import UpdateCoding

extension BenchCommand {
    /// Measures codecs.
    struct Codec: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bits, error and speed of every codec, beside memcpy.",
            discussion: """
                Bits a coordinate with everything counted, vNMSE (squared error over squared norm), millions
                of coordinates a second on one thread to encode and to decode into accumulators.

                Example: tributary bench codec --file update.safetensors --codec ecdq:bits=2 --codec int8
                """
        )

        @Option(
            help: ArgumentHelp("A safetensors file to try the codecs on; without, normal numbers.", valueName: "file")
        )
        var file: String?
        @Option(help: "The count of normal numbers.") var coordinates = 1 << 20
        @Option(help: ArgumentHelp("A codec; may be repeated; without, a choice of all.", valueName: "spec"))
        var codec: [String] = []
        @Flag(help: "Print a JSON object a line.") var json = false

        private static let choice = [
            "fp32", "lossless", "bf16", "int8", "int4", "eden:bits=1", "eden:bits=2", "eden:bits=4", "ecdq:bits=1",
            "ecdq:bits=2", "ecdq:bits=4", "ecdq:error=0.1", "ecdq:bits=2,scale=mse", "topk:fraction=0.01",
            "stc:fraction=0.01", "randk:fraction=0.01", "powersgd:rank=2",
        ]

        func run() async throws {
            try await Failure.reporting {
                let (vector, layout) = try input()
                let copying = Stopwatch.best {
                    var copy = vector
                    copy[0] = vector[0]
                }
                if !json {
                    Console.print("\(vector.count) coordinates; memcpy \(millions(vector, copying)) M/s")
                    Console.print("codec                        bits/coord      vNMSE   encode M/s   decode M/s")
                }
                for specification in codec.isEmpty ? Self.choice : codec {
                    let record = try measure(try CodedFile.codec(specification), vector, layout, copying)
                    Console.print(json ? try Format.json(record) : record.text)
                }
            }
        }

        private func input() throws -> (ParameterVector, TensorLayout) {
            if let file {
                let opened = try SafetensorsFile(path: file)
                return (try opened.readVector(), opened.layout)
            }
            guard coordinates >= 256 else { throw ValidationError("--coordinates takes 256 or more") }
            let columns = 256
            let count = coordinates / columns * columns
            var generator = SeededGenerator(seed: Seed(1))
            var vector = ParameterVector(zeros: count)
            vector.withMutableElements { for index in $0.indices { $0[index] = Float(generator.normal()) } }
            return (vector, try TensorLayout([.init(name: "weight", shape: [count / columns, columns])]))
        }

        private func measure(
            _ codec: any UpdateCodec,
            _ vector: ParameterVector,
            _ layout: TensorLayout,
            _ copying: Double
        ) throws -> Record {
            let seed = Seed(7)
            var bytes: [UInt8] = []
            let encoding = try Stopwatch.best { bytes = try codec.encodeAll(vector, layout: layout, seed: seed) }
            let sums = UnsafeMutableBufferPointer<Double>.allocate(capacity: 1 << 14)
            defer { sums.deallocate() }
            sums.initialize(repeating: 0)
            let decoding = try Stopwatch.best {
                let decoder = try codec.makeDecoder(MemoryByteSource(bytes), layout: layout, seed: seed)
                for start in stride(from: 0, to: vector.count, by: sums.count) {
                    let count = min(sums.count, vector.count - start)
                    try decoder.accumulate(weight: 0.5, into: UnsafeMutableBufferPointer(rebasing: sums[..<count]))
                }
                try decoder.finish()
            }
            let decoded = try codec.decodeAll(bytes, layout: layout, seed: seed)
            return Record(
                codec: codec.specification,
                bits: Double(bytes.count * 8) / Double(vector.count),
                vNMSE: decoded.subtracting(vector).squaredNorm / vector.squaredNorm,
                encode: millions(vector, encoding),
                decode: millions(vector, decoding),
                memcpy: millions(vector, copying)
            )
        }

        private func millions(_ vector: ParameterVector, _ seconds: Double) -> Int {
            Int(Double(vector.count) / seconds / 1e6)
        }

        private struct Record: Encodable {
            let codec: String
            let bits: Double
            let vNMSE: Double
            let encode: Int
            let decode: Int
            let memcpy: Int

            private enum CodingKeys: String, CodingKey {
                case codec
                case bits = "bits_per_coordinate"
                case vNMSE = "vnmse"
                case encode = "encode_million_per_s"
                case decode = "decode_million_per_s"
                case memcpy = "memcpy_million_per_s"
            }

            var text: String {
                Format.column(codec, 28, left: true) + Format.column(Format.decimals(bits, 3), 11)
                    + Format.column(Format.significant(vNMSE), 11) + Format.column("\(encode)", 13)
                    + Format.column("\(decode)", 13)
            }
        }
    }
}
