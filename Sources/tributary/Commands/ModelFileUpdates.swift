// SPDX-License-Identifier: Apache-2.0

import Aggregation
import ModelState
import UpdateCoding

/// Updates that lie in safetensors files, read where a rule wants them: memory does not depend on their number.
struct ModelFileUpdates: RandomAccessUpdateSet {
    let layout: TensorLayout
    private let files: [SafetensorsFile]
    private let weights: [Double]

    /// Opens files that have the same tensors, in whatever order they lie in them.
    ///
    /// - Parameter weights: one for each file, or none for equal weights.
    init(paths: [String], weights: [Double]) throws {
        files = try paths.map { try SafetensorsFile(path: $0) }
        guard let first = files.first else { throw Failure(.badInput, "no input files") }
        layout = first.layout
        for file in files where file.layout.tensors.map(\.shape) != layout.tensors.map(\.shape) {
            throw Failure(
                .badInput,
                "'\(file.path)' does not have the tensors of '\(first.path)'; all inputs must agree"
            )
        }
        for file in files where file.layout.tensors.map(\.name) != layout.tensors.map(\.name) {
            throw Failure(
                .badInput,
                "'\(file.path)' names or orders its tensors unlike '\(first.path)'; all inputs must agree"
            )
        }
        guard weights.isEmpty || weights.count == files.count else {
            throw Failure(.badInput, "\(weights.count) weights for \(files.count) files; give one for each, or none")
        }
        self.weights = weights
    }

    var count: Int { files.count }

    func weight(at index: Int) -> Double { weights.isEmpty ? 1 : weights[index] }

    func coordinates(
        _ range: Range<Int>,
        at index: Int,
        scratch: UnsafeMutableBufferPointer<Float>
    ) throws -> UnsafeBufferPointer<Float> {
        let block = UnsafeMutableBufferPointer(rebasing: scratch[..<range.count])
        try files[index].read(range, into: block)
        return UnsafeBufferPointer(block)
    }

    func makeDecoder(at index: Int) throws -> any UpdateDecoder {
        FileDecoder(files[index])
    }

    private final class FileDecoder: UpdateDecoder {
        private let file: SafetensorsFile
        private var position = 0

        init(_ file: SafetensorsFile) {
            self.file = file
        }

        func decode(into block: UnsafeMutableBufferPointer<Float>) throws(UpdateCodingError) {
            do {
                try file.read(position..<(position + block.count), into: block)
            } catch {
                throw UpdateCodingError(.sourceFailed, error.message)
            }
            position += block.count
        }

        func finish() throws(UpdateCodingError) {}
    }
}
