// SPDX-License-Identifier: Apache-2.0

/// Where the samples of a table lie in memory, for as long as a call: reading it counts no references, which threads
/// that share a table would wait for each other to do.
struct SampleView {
    /// The features: bytes, or else floats.
    let bytes: UnsafePointer<UInt8>?
    let floats: UnsafePointer<Float>?
    /// What a byte counts.
    let scale: Float
    /// One for each sample.
    let labels: UnsafeBufferPointer<Int32>
    /// The features of one sample.
    let width: Int

    /// The bytes of one sample.
    var sampleBytes: Int { bytes != nil ? width : width * MemoryLayout<Float>.stride }

    /// The first byte of a sample.
    func start(of sample: UInt32) -> UnsafeRawPointer? {
        let base = bytes.map { UnsafeRawPointer($0) } ?? floats.map { UnsafeRawPointer($0) }
        return base.map { $0 + Int(sample) * sampleBytes }
    }
}

extension SampleTable {
    /// Calls `body` with a view that is valid during the call.
    func withView<Result>(_ body: (SampleView) throws -> Result) rethrows -> Result {
        let width = featureCount
        return try labels.withUnsafeBufferPointer { labels in
            switch features {
            case .bytes(let values, let scale):
                try values.withUnsafeBufferPointer {
                    try body(SampleView(bytes: $0.baseAddress, floats: nil, scale: scale, labels: labels, width: width))
                }
            case .floats(let values):
                try values.withUnsafeBufferPointer {
                    try body(SampleView(bytes: nil, floats: $0.baseAddress, scale: 1, labels: labels, width: width))
                }
            }
        }
    }
}
