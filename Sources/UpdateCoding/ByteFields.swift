// SPDX-License-Identifier: Apache-2.0

import ModelState

extension [UInt8] {
    /// Appends an integer, least significant byte first.
    mutating func appendLittleEndian<Value: FixedWidthInteger>(_ value: Value) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    /// Appends a float's bits, least significant byte first.
    mutating func appendLittleEndian(_ value: Float) {
        appendLittleEndian(value.bitPattern)
    }

    /// Appends an unsigned number in groups of 7 bits, low group first, the top bit set on all but the last.
    mutating func appendVariable(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    /// Grows by `count` bytes that `body` fills.
    mutating func appendFilled(_ count: Int, _ body: (UnsafeMutableRawBufferPointer) -> Void) {
        let start = self.count
        append(contentsOf: repeatElement(0, count: count))
        withUnsafeMutableBytes { body(UnsafeMutableRawBufferPointer(rebasing: $0[start..<(start + count)])) }
    }
}

extension UpdateByteSource {
    /// The next integer, least significant byte first.
    func readInteger<Value: FixedWidthInteger>(_ type: Value.Type) throws(UpdateCodingError) -> Value {
        Value(littleEndian: try read(MemoryLayout<Value>.size).loadUnaligned(as: type))
    }

    /// The next float, refused where it is infinite or not a number.
    func readFiniteFloat(_ what: String) throws(UpdateCodingError) -> Float {
        let value = Float(bitPattern: try readInteger(UInt32.self))
        guard value.isFinite else { throw UpdateCodingError(.malformed, "the coded update's \(what) is not finite") }
        return value
    }

    /// The next number in groups of 7 bits; at most `limit`.
    func readVariable(limit: UInt64, _ what: String) throws(UpdateCodingError) -> Int {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while shift < 63 {
            let byte = try readInteger(UInt8.self)
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 {
                guard value <= limit else { break }
                return Int(value)
            }
            shift += 7
        }
        throw UpdateCodingError(.malformed, "the coded update's \(what) exceeds \(limit)")
    }

    /// Refuses bytes that follow the last coordinate.
    func expectEnd() throws(UpdateCodingError) {
        guard remainingByteCount == 0 else {
            throw UpdateCodingError(.trailingBytes, "\(remainingByteCount) bytes follow the coded update")
        }
    }
}

/// Refuses a vector with a value that is infinite or not a number, naming the first.
func requireFinite(_ vector: UnsafeBufferPointer<Float>, codec: String) throws(UpdateCodingError) {
    guard !VectorKernels.isFinite(vector) else { return }
    let index = vector.firstIndex { !$0.isFinite } ?? 0
    throw UpdateCodingError(.notFinite, "coordinate \(index) is not finite; \(codec) codes finite updates only")
}
