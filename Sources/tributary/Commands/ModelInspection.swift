// SPDX-License-Identifier: Apache-2.0

import Digest
import ModelState
import Rounds

/// What is in a safetensors file.
struct ModelInspection {
    private struct Record: Encodable {
        struct Tensor: Encodable {
            let name: String
            let shape: [Int]
            let role: String
            let norm: Double
            let finite: Bool
        }

        let file: String
        let elements: Int
        let digest: String
        let norm: Double
        let metadata: [String: String]
        let tensors: [Tensor]
    }

    private let record: Record

    /// Reads the file.
    init(_ path: String) throws {
        let file = try SafetensorsFile(path: path)
        let coded = try CodedFile(reading: path)
        let layout = try coded?.layout ?? file.header.layout()
        let vector = try coded?.decoded() ?? file.readVector()
        let tensors = layout.tensors.enumerated().map { index, tensor in
            let range = layout.range(of: index)
            let (norm, finite) = vector.withElements { elements in
                let part = UnsafeBufferPointer(rebasing: elements[range])
                return (VectorKernels.squaredNorm(part).squareRoot(), VectorKernels.isFinite(part))
            }
            return Record.Tensor(
                name: tensor.name,
                shape: tensor.shape.dimensions,
                role: tensor.role.rawValue,
                norm: norm,
                finite: finite
            )
        }
        record = Record(
            file: path,
            elements: vector.count,
            digest: "\(BlobDigest(hashing: vector.sharedBytes.bytes))",
            norm: vector.squaredNorm.squareRoot(),
            metadata: file.header.metadata.filter { coded == nil || $0.key != "layout" },
            tensors: tensors
        )
    }

    /// Prints what was found.
    func show(json: Bool) throws {
        if json { return Console.print(try Format.json(record)) }
        Console.print("\(record.file): \(record.elements) elements in \(record.tensors.count) tensors")
        Console.print("  digest  \(record.digest)")
        Console.print("  norm    \(Format.decimals(record.norm, 6))")
        for (key, value) in record.metadata.sorted(by: { $0.key < $1.key }) { Console.print("  \(key): \(value)") }
        for tensor in record.tensors {
            let flag = tensor.finite ? "" : "  NOT FINITE"
            Console.print(
                "  \(tensor.name)  \(tensor.shape)  \(tensor.role)  norm \(Format.decimals(tensor.norm, 6))\(flag)"
            )
        }
    }
}
