// SPDX-License-Identifier: Apache-2.0

extension SampleTable {
    /// The images as an IDX file: one byte a value, the nearest to 255 times it.
    public var idxImages: [UInt8] {
        var bytes: [UInt8] = [0, 0, 0x08, UInt8(clamping: shape.count + 1)]
        for extent in [count] + shape { Self.append(UInt32(clamping: extent), to: &bytes) }
        bytes.reserveCapacity(bytes.count + count * featureCount)
        for sample in 0..<count {
            for value in features(of: sample) {
                let scaled = (value * 255).rounded()
                bytes.append(scaled >= 255 ? 255 : scaled > 0 ? UInt8(scaled) : 0)
            }
        }
        return bytes
    }

    /// The labels as an IDX file, one byte each.
    ///
    /// - Precondition: labels below 256.
    public var idxLabels: [UInt8] {
        precondition(classCount <= 256, "an IDX file of bytes holds 256 classes at most")
        var bytes: [UInt8] = [0, 0, 0x08, 1]
        Self.append(UInt32(clamping: count), to: &bytes)
        return bytes + labels.map { UInt8(clamping: $0) }
    }

    private static func append(_ value: UInt32, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { bytes += $0 }
    }
}
