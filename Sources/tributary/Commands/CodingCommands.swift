// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LosslessCoding
import ModelState
import Randomness
import UpdateCoding

/// Codes an update.
struct EncodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encode",
        abstract: "Code an update or a model by any codec.",
        discussion: """
            Codecs, by example: \((CodecRegistry.examples + ["lossless"]).joined(separator: " "))

            Wrappers: eden+allocation[:method=slope|greedy|joint], +importance:bias=16 (by kind of tensor)

            Example: tributary encode --codec ecdq:bits=2 --seed 7 update.safetensors update.coded

            Exit codes: 0 done; 65 the codec cannot code the file; 66 the file cannot be read; 74 the output
            cannot be written.
            """
    )

    @Option(help: ArgumentHelp("The codec.", valueName: "spec")) var codec: String
    @Option(help: "The seed of rotations and dither; the decoder needs none, it is in the file.") var seed: UInt64 = 0
    @Option(
        help: ArgumentHelp(
            "A file with the same tensors: those with larger values (Fisher or Hessian diagonal) get smaller errors.",
            valueName: "file"
        )
    ) var importance: String?
    @Flag(help: "Print one JSON object.") var json = false
    @Argument(help: "A safetensors file.") var input: String
    @Argument(help: "The coded file to write.") var output: String

    func run() async throws {
        try await Failure.reporting {
            let file = try SafetensorsFile(path: input)
            let vector = try file.readVector()
            guard vector.isFinite else {
                throw Failure(
                    .badInput,
                    "'\(input)' has values that are infinite or not a number; they cannot be coded"
                )
            }
            let codec = try weighted(try CodedFile.codec(self.codec), file.layout)
            let bytes = try codec.encodeAll(vector, layout: file.layout, seed: Seed(seed))
            let coded = CodedFile(codec: codec.specification, seed: seed, layout: file.layout, bytes: bytes)
            try coded.write(to: output)
            let norm = vector.squaredNorm
            let error = try coded.decoded().subtracting(vector).squaredNorm
            let record = Record(
                codec: codec.specification,
                elements: vector.count,
                bytes: bytes.count,
                bits: vector.count > 0 ? Double(bytes.count) * 8 / Double(vector.count) : 0,
                vNMSE: norm > 0 ? error / norm : 0
            )
            Console.print(json ? try Format.json(record) : record.text)
        }
    }

    /// Weights each tensor by the mean of its values in the file of importances.
    private func weighted(_ codec: any UpdateCodec, _ layout: TensorLayout) throws -> any UpdateCodec {
        guard let importance else { return codec }
        let file = try SafetensorsFile(path: importance)
        guard file.layout.tensors.map(\.shape) == layout.tensors.map(\.shape) else {
            throw Failure(.badInput, "'\(importance)' does not have the tensors of '\(input)'; they must agree")
        }
        let values = try file.readVector().elements
        let means = try layout.tensors.indices.map { index in
            let range = layout.range(of: index)
            let mean = range.reduce(0.0) { $0 + Double(values[$1]) } / Double(max(range.count, 1))
            guard mean > 0, mean.isFinite else {
                throw Failure(
                    .badInput,
                    "'\(importance)': the mean of '\(layout.tensors[index].name)' is \(mean); importances are positive"
                )
            }
            return mean
        }
        return ImportanceWeightedCodec(base: codec, importance: .tensors(means))
    }

    private struct Record: Encodable {
        let codec: String
        let elements: Int
        let bytes: Int
        let bits: Double
        let vNMSE: Double

        private enum CodingKeys: String, CodingKey {
            case codec, elements, bytes
            case bits = "bits_per_coordinate"
            case vNMSE = "vnmse"
        }

        var text: String {
            "\(codec): \(elements) coordinates in \(bytes) bytes, \(Format.decimals(bits, 4)) bits a coordinate, "
                + "vNMSE \(Format.significant(vNMSE))"
        }
    }
}

/// Decodes an update.
struct DecodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode",
        abstract: "Decode what encode wrote.",
        discussion: """
            Example: tributary decode update.coded update.safetensors

            Exit codes: 0 done; 65 not a coded update; 66 the file cannot be read; 74 the output cannot be written.
            """
    )

    @Flag(help: "Print one JSON object.") var json = false
    @Argument(help: "A coded file.") var input: String
    @Argument(help: "The safetensors file to write.") var output: String

    func run() async throws {
        try await Failure.reporting {
            guard let coded = try CodedFile(reading: input) else {
                throw Failure(.badInput, "'\(input)' is no coded update; `tributary encode` writes them")
            }
            let vector = try coded.decoded()
            try ModelFile.write(vector, layout: coded.layout, to: output, name: coded.codec)
            struct Record: Encodable {
                let codec: String
                let elements: Int
            }
            let record = Record(codec: coded.codec, elements: vector.count)
            Console.print(json ? try Format.json(record) : "\(coded.codec): \(vector.count) coordinates to \(output)")
        }
    }
}
