// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LosslessCoding
import ModelState
import Randomness
import UpdateCoding

/// A coded update as a file: a safetensors file with one tensor of bytes, so that any language can take it apart.
///
/// Its metadata says how to decode: `codec`, `seed`, and `layout`, the tensors as JSON.
struct CodedFile {
    static let tensorName = "coded"

    let codec: String
    let seed: UInt64
    let layout: TensorLayout
    let bytes: [UInt8]

    /// The codec of a specification, with those that need libraries of their own.
    static func codec(_ specification: String) throws -> any UpdateCodec {
        try CodecRegistry.codec(specification, adding: [BytePlaneCodec.family])
    }

    /// Writes the file, complete or not at all.
    func write(to path: String) throws {
        struct Header: Encodable {
            struct Entry: Encodable {
                let dtype: String
                let shape: [Int]
                let offsets: [Int]

                private enum CodingKeys: String, CodingKey {
                    case dtype, shape
                    case offsets = "data_offsets"
                }
            }

            let metadata: [String: String]
            let coded: Entry

            private enum CodingKeys: String, CodingKey {
                case coded
                case metadata = "__metadata__"
            }
        }
        let header = Header(
            metadata: ["codec": codec, "seed": "\(seed)", "layout": try Format.json(layout)],
            coded: Header.Entry(dtype: "U8", shape: [bytes.count], offsets: [0, bytes.count])
        )
        var text = Array(try Format.json(header).utf8)
        while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
        var file = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) }
        file += text
        file += bytes
        do {
            try Data(file).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw Failure(.storage, "'\(path)' cannot be written: \(error)")
        }
    }

    init(codec: String, seed: UInt64, layout: TensorLayout, bytes: [UInt8]) {
        self.codec = codec
        self.seed = seed
        self.layout = layout
        self.bytes = bytes
    }

    /// Reads a file; nil where it is a safetensors file of another kind.
    init?(reading path: String) throws {
        let file = try SafetensorsFile(path: path)
        let metadata = file.header.metadata
        guard let entry = file.header.entries.first(where: { $0.name == Self.tensorName }),
            let codec = metadata["codec"],
            let seed = metadata["seed"].flatMap({ UInt64($0) }), let layoutText = metadata["layout"],
            let data = FileManager.default.contents(atPath: path)
        else { return nil }
        guard let layout = try? JSONDecoder().decode(TensorLayout.self, from: Data(layoutText.utf8)) else {
            throw Failure(.badInput, "'\(path)' does not say which tensors it codes")
        }
        self.init(
            codec: codec,
            seed: seed,
            layout: layout,
            bytes: Array(
                data.suffix(file.header.dataByteCount)[...].dropFirst(entry.bytes.lowerBound).prefix(entry.bytes.count)
            )
        )
    }

    /// The decoded elements.
    func decoded() throws -> ParameterVector {
        try Self.codec(codec).decodeAll(bytes, layout: layout, seed: Seed(seed))
    }
}
