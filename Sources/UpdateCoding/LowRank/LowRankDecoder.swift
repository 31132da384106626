// SPDX-License-Identifier: Apache-2.0

import ModelState

/// Multiplies the factors out as coordinates are asked for; memory is one tensor's factors.
final class LowRankDecoder: UpdateDecoder {
    private let source: any UpdateByteSource
    private let codec: LowRankCodec
    private let layout: TensorLayout
    private var tensor = 0
    private var offset = 0
    private var left: [Float] = []
    private var right: [Float] = []

    init(source: any UpdateByteSource, codec: LowRankCodec, layout: TensorLayout) {
        self.source = source
        self.codec = codec
        self.layout = layout
    }

    func decode(into block: UnsafeMutableBufferPointer<Float>) throws(UpdateCodingError) {
        var done = 0
        while done < block.count {
            precondition(tensor < layout.tensors.count, "more coordinates were asked for than the layout has")
            let size = layout.tensors[tensor].shape.elementCount
            let count = min(block.count - done, size - offset)
            if count > 0 {
                let part = UnsafeMutableBufferPointer(rebasing: block[done..<(done + count)])
                if let (rows, columns) = codec.matrix(layout.tensors[tensor]) {
                    if offset == 0 {
                        left = try readFactor(rows)
                        right = try readFactor(columns)
                    }
                    multiply(into: part, columns: columns)
                } else {
                    UnsafeMutableRawBufferPointer(part).copyMemory(from: try source.read(count * 4))
                }
            }
            done += count
            offset += count
            if offset == size {
                tensor += 1
                offset = 0
            }
        }
    }

    private func readFactor(_ rows: Int) throws(UpdateCodingError) -> [Float] {
        var factor = [Float](repeating: 0, count: rows * codec.rank)
        let bytes = try source.read(factor.count * 4)
        factor.withUnsafeMutableBytes { $0.copyMemory(from: bytes) }
        return factor
    }

    private func multiply(into part: UnsafeMutableBufferPointer<Float>, columns: Int) {
        let rank = codec.rank
        for index in part.indices {
            let (row, column) = (offset + index).quotientAndRemainder(dividingBy: columns)
            var sum: Float = 0
            for factor in 0..<rank { sum += left[row * rank + factor] * right[column * rank + factor] }
            part[index] = sum
        }
    }

    func finish() throws(UpdateCodingError) { try source.expectEnd() }
}
