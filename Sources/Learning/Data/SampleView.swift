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
    /// Whether nobody labelled some of the samples.
    let lacksLabels: Bool

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
        let (width, lacksLabels) = (featureCount, isLabelled != nil)
        return try labels.withUnsafeBufferPointer { labels in
            func view(_ bytes: UnsafePointer<UInt8>?, _ floats: UnsafePointer<Float>?, _ scale: Float) -> SampleView {
                SampleView(
                    bytes: bytes,
                    floats: floats,
                    scale: scale,
                    labels: labels,
                    width: width,
                    lacksLabels: lacksLabels
                )
            }
            switch features {
            case .bytes(let values, let scale):
                return try values.withUnsafeBufferPointer { try body(view($0.baseAddress, nil, scale)) }
            case .floats(let values):
                return try values.withUnsafeBufferPointer { try body(view(nil, $0.baseAddress, 1)) }
            }
        }
    }
}
