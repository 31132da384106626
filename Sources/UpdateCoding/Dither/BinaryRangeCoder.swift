// SPDX-License-Identifier: Apache-2.0

/// The probability that the next bit in a context is 0, in 2^-12, learned from the bits seen.
struct AdaptiveBit {
    private(set) var zeroProbability: UInt32 = 2048

    mutating func learn(_ bit: Bool) {
        if bit {
            zeroProbability -= zeroProbability >> 4
        } else {
            zeroProbability += (4096 - zeroProbability) >> 4
        }
    }
}

/// Codes bits with their probabilities (a range coder with carries; Martin 1979, in the byte-wise form of LZMA).
struct BinaryRangeEncoder {
    private var low: UInt64 = 0
    private var range: UInt32 = .max
    private var pending: [UInt8] = []

    mutating func encode(_ bit: Bool, _ context: inout AdaptiveBit) {
        let bound = (range >> 12) * context.zeroProbability
        if bit {
            low += UInt64(bound)
            range -= bound
        } else {
            range = bound
        }
        context.learn(bit)
        while range < 1 << 24 {
            shift()
            range <<= 8
        }
    }

    /// The bytes: the decoder takes bytes past the end as zeros, so trailing zeros are dropped.
    mutating func finish() -> [UInt8] {
        // The number in [low, low + range) with the most trailing zeros.
        for bits in stride(from: UInt64(24), through: 0, by: -8) {
            let mask = (UInt64(1) << bits) - 1
            let rounded = (low + mask) & ~mask
            if rounded < low + UInt64(range) {
                low = rounded
                break
            }
        }
        for _ in 0..<4 { shift() }
        while pending.last == 0 { pending.removeLast() }
        return pending
    }

    /// Moves the top byte of `low` out, with a carry into the bytes already there.
    private mutating func shift() {
        if low >> 32 != 0 {
            var index = pending.count - 1
            while pending[index] == 0xFF {
                pending[index] = 0
                index -= 1
            }
            pending[index] += 1
        }
        pending.append(UInt8(truncatingIfNeeded: low >> 24))
        low = (low & 0x00FF_FFFF) << 8
    }
}

/// Decodes what ``BinaryRangeEncoder`` wrote; any bytes give some bits.
struct BinaryRangeDecoder {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    private var range: UInt32 = .max
    private var code: UInt32 = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        for _ in 0..<4 { code = code << 8 | nextByte() }
    }

    mutating func decode(_ context: inout AdaptiveBit) -> Bool {
        let bound = (range >> 12) * context.zeroProbability
        let bit = code >= bound
        if bit {
            code &-= bound
            range -= bound
        } else {
            range = bound
        }
        context.learn(bit)
        while range < 1 << 24 {
            code = code << 8 | nextByte()
            range <<= 8
        }
        return bit
    }

    private mutating func nextByte() -> UInt32 {
        guard position < bytes.count else { return 0 }
        defer { position += 1 }
        return UInt32(bytes[position])
    }
}
