// SPDX-License-Identifier: Apache-2.0

public import Randomness

extension SampleTable {
    /// The samples of a stream as a table of their own, in the stream's order; bytes stay bytes.
    ///
    /// - Throws: ``LearningError`` with code `shapeMismatch` where the samples are no grey images.
    /// - Precondition: all samples lie in this table.
    public func corrupted(by stream: some Sequence<StreamSample>) throws -> SampleTable {
        let corruptor = try ImageCorruptor(shape: shape)
        let width = featureCount
        var image = [Float](repeating: 0, count: width)
        var (bytes, floats): ([UInt8], [Float]) = ([], [])
        var picked: [Int] = []
        for sample in stream {
            precondition(sample.index >= 0 && sample.index < count, "a stream's samples lie in its table")
            picked.append(sample.index)
            let start = sample.index * width
            switch features {
            case .bytes(let values, let scale):
                for offset in 0..<width { image[offset] = scale * Float(values[start + offset]) }
            case .floats(let values):
                for offset in 0..<width { image[offset] = values[start + offset] }
            }
            if let corruption = sample.environment.corruption {
                let strength = sample.environment.strength
                image.withUnsafeMutableBufferPointer {
                    corruptor.apply(corruption, strength: strength, to: $0, seed: sample.seed)
                }
            }
            switch features {
            case .bytes(_, let scale): bytes.append(contentsOf: image.lazy.map { Self.byte($0, scale) })
            case .floats: floats.append(contentsOf: image)
            }
        }
        let kept: Features =
            switch features {
            case .bytes(_, let scale): .bytes(bytes, scale: scale)
            case .floats: .floats(floats)
            }
        return SampleTable(
            features: kept,
            shape: shape,
            labels: picked.map { labels[$0] },
            clients: clients.map { all in picked.map { all[$0] } }
        )
    }

    /// All samples of the table in one environment, in the table's order.
    ///
    /// - Throws: ``LearningError`` with code `shapeMismatch` where the samples are no grey images.
    public func corrupted(in environment: StreamEnvironment, seed: Seed) throws -> SampleTable {
        try corrupted(
            by: (0..<count).lazy.map { index in
                StreamSample(
                    index: index,
                    phase: 0,
                    environment: environment,
                    seed: seed.deriving("corruption", UInt64(index))
                )
            }
        )
    }

    /// The byte of which `scale` times it is nearest to a value of 0 to 1.
    private static func byte(_ value: Float, _ scale: Float) -> UInt8 {
        let scaled = (value / scale).rounded()
        return scaled >= 255 ? 255 : scaled > 0 ? UInt8(scaled) : 0
    }
}
