// SPDX-License-Identifier: Apache-2.0

/// Writes bits, the first at the low end of the first byte.
struct BitWriter {
    private(set) var bytes: [UInt8] = []
    private var buffer: UInt64 = 0
    private var count = 0

    /// Appends the low `count` bits of a value; at most 32.
    mutating func append(_ value: UInt64, count added: Int) {
        buffer |= (value & ((1 << UInt64(added)) - 1)) << UInt64(count)
        count += added
        while count >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: buffer))
            buffer >>= 8
            count -= 8
        }
    }

    /// Pads the last byte with zeros.
    mutating func finish() -> [UInt8] {
        if count > 0 { append(0, count: 8 - count) }
        return bytes
    }
}

/// Reads what ``BitWriter`` wrote.
struct BitReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The next bit; nil at the end.
    mutating func bit() -> Bool? {
        guard position < bytes.count * 8 else { return nil }
        defer { position += 1 }
        return bytes[position >> 3] >> UInt8(position & 7) & 1 == 1
    }

    /// The next `count` bits; nil where fewer remain.
    mutating func bits(_ count: Int) -> Int? {
        var value = 0
        for index in 0..<count {
            guard let bit = bit() else { return nil }
            if bit { value |= 1 << index }
        }
        return value
    }

    /// Whether only padding is left: fewer than 8 bits, all zero.
    var isAtEnd: Bool {
        var rest = self
        guard bytes.count * 8 - position < 8 else { return false }
        while let bit = rest.bit() { if bit { return false } }
        return true
    }
}

/// Codes gaps between chosen coordinates (Golomb 1966, Rice 1979): the quotient by 2^b in unary, ones closed by a zero,
/// then the remainder in b bits.
enum GolombRice {
    /// The parameter for a share p of chosen coordinates (Sattler et al. 2019):
    ///
    ///     b = 1 + floor(log2(ln(phi - 1) / ln(1 - p))),   phi = (1 + sqrt 5) / 2
    ///
    /// in whole numbers: ln(phi - 1) / ln(1 - p) is close to 0.4812 (1 / p - 1 / 2), and the floor needs no more.
    static func parameter(chosen: Int, of count: Int) -> Int {
        guard chosen > 0 else { return 0 }
        // 1 + floor(log2 r) for r = 0.4812 (n / k - 1 / 2), 0 where r < 1.
        let ratio = 4812 * (2 * count - chosen) / (20_000 * chosen)
        return ratio >= 1 ? min(Int.bitWidth - ratio.leadingZeroBitCount, 40) : 0
    }

    static func append(_ gap: Int, parameter: Int, to writer: inout BitWriter) {
        var quotient = gap >> parameter
        while quotient >= 32 {
            writer.append(0xFFFF_FFFF, count: 32)
            quotient -= 32
        }
        writer.append((1 << UInt64(quotient)) - 1, count: quotient + 1)
        if parameter > 20 {
            writer.append(UInt64(gap), count: 20)
            writer.append(UInt64(gap >> 20), count: parameter - 20)
        } else {
            writer.append(UInt64(gap), count: parameter)
        }
    }

    /// The next gap, at most `limit`; nil where the bits end or exceed it.
    static func next(_ reader: inout BitReader, parameter: Int, limit: Int) -> Int? {
        var quotient = 0
        while true {
            guard let bit = reader.bit() else { return nil }
            if !bit { break }
            quotient += 1
            guard quotient << parameter <= limit else { return nil }
        }
        guard let remainder = reader.bits(parameter) else { return nil }
        let gap = quotient << parameter | remainder
        return gap <= limit ? gap : nil
    }
}
