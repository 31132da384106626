// SPDX-License-Identifier: Apache-2.0

/// Reads the small part of JSON that a safetensors header uses, in one pass over its bytes.
///
/// A general JSON decoder accepts repeated keys, loses the order of tensors, and takes seconds for tens of thousands of
/// them.
struct SafetensorsHeaderParser {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    mutating func parse() throws(ModelStateError) -> ([SafetensorsHeader.Entry], [String: String]) {
        var entries: [SafetensorsHeader.Entry] = []
        var names = Set<String>()
        var metadata: [String: String]?
        guard bytes.first == UInt8(ascii: "{") else { throw unexpected("the opening brace") }
        try object { (parser, name) throws(ModelStateError) in
            if name == SafetensorsHeader.metadataKey {
                guard metadata == nil else { throw parser.malformed("'\(name)' stands there twice") }
                metadata = try parser.textByKey()
                return
            }
            guard names.insert(name).inserted else { throw parser.malformed("tensor '\(name)' stands there twice") }
            guard entries.count < TensorLayout.maximumTensorCount else {
                throw parser.malformed("more than \(TensorLayout.maximumTensorCount) tensors")
            }
            entries.append(try parser.entry(name))
        }
        skipSpace()
        guard position == bytes.count else { throw unexpected("the end of the header") }
        return (entries, metadata ?? [:])
    }

    // MARK: - The parts of a header

    private mutating func entry(_ name: String) throws(ModelStateError) -> SafetensorsHeader.Entry {
        var type: SafetensorsElementType?
        var shape: TensorShape?
        var offsets: Range<Int>?
        try object { (parser, key) throws(ModelStateError) in
            switch key {
            case "dtype" where type == nil:
                let text = try parser.string()
                guard let known = SafetensorsElementType(rawValue: text) else {
                    throw ModelStateError(
                        .unsupportedType,
                        "tensor '\(name)' has elements of an unknown type '\(text)'"
                    )
                }
                type = known
            case "shape" where shape == nil:
                let extents = try parser.integers(atMost: TensorShape.maximumRank)
                shape = TensorShape(untrusted: extents)
                guard shape != nil else { throw parser.malformed("tensor '\(name)' is too large") }
            case "data_offsets" where offsets == nil:
                let pair = try parser.integers(atMost: 2)
                guard pair.count == 2, pair[0] <= pair[1] else {
                    throw parser.malformed("the data_offsets of tensor '\(name)' are no range")
                }
                offsets = pair[0]..<pair[1]
            default:
                throw parser.malformed("tensor '\(name)' has an unknown or repeated key '\(key)'")
            }
        }
        guard let type, let shape, let offsets else {
            throw malformed("tensor '\(name)' lacks its dtype, shape or data_offsets")
        }
        return SafetensorsHeader.Entry(name: name, type: type, shape: shape, bytes: offsets)
    }

    private mutating func textByKey() throws(ModelStateError) -> [String: String] {
        var texts: [String: String] = [:]
        try object { (parser, key) throws(ModelStateError) in
            let text = try parser.string()
            guard texts.updateValue(text, forKey: key) == nil else {
                throw parser.malformed("the metadata has '\(key)' twice")
            }
        }
        return texts
    }

    // MARK: - JSON

    private mutating func object(
        _ member: (inout SafetensorsHeaderParser, String) throws(ModelStateError) -> Void
    ) throws(ModelStateError) {
        try expect(UInt8(ascii: "{"), "an opening brace")
        if accept(UInt8(ascii: "}")) { return }
        repeat {
            skipSpace()
            let key = try string()
            try expect(UInt8(ascii: ":"), "a colon")
            skipSpace()
            try member(&self, key)
        } while accept(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"), "a comma or a closing brace")
    }

    private mutating func integers(atMost limit: Int) throws(ModelStateError) -> [Int] {
        try expect(UInt8(ascii: "["), "an opening bracket")
        var numbers: [Int] = []
        if accept(UInt8(ascii: "]")) { return numbers }
        repeat {
            guard numbers.count < limit else {
                throw malformed("a list of more than \(limit) numbers at byte \(position)")
            }
            numbers.append(try integer())
        } while accept(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"), "a comma or a closing bracket")
        return numbers
    }

    private mutating func integer() throws(ModelStateError) -> Int {
        skipSpace()
        let start = position
        var value = 0
        while position < bytes.count, case let digit = bytes[position], digit >= 0x30, digit <= 0x39 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(digit - 0x30))
            guard !overflow, !carry else { throw malformed("a number past 2^63 at byte \(start)") }
            value = sum
            position += 1
        }
        guard position > start else { throw unexpected("a number without sign, fraction or exponent") }
        guard position - start == 1 || bytes[start] != 0x30 else {
            throw malformed("a number with leading zeros at byte \(start)")
        }
        return value
    }

    private mutating func string() throws(ModelStateError) -> String {
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw unexpected("a quoted text") }
        position += 1
        let start = position
        var unescaped: [UInt8]?
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                let whole = bytes[start..<(position - 1)]
                let text =
                    unescaped.map { String(validating: $0, as: UTF8.self) } ?? String(validating: whole, as: UTF8.self)
                guard let text else { throw malformed("the text at byte \(start) is not UTF-8") }
                return text
            case UInt8(ascii: "\\"):
                var output = unescaped ?? Array(bytes[start..<(position - 1)])
                try escape(into: &output)
                unescaped = output
            case 0..<0x20:
                throw malformed("a control character in the text at byte \(start)")
            default:
                unescaped?.append(byte)
            }
        }
        throw malformed("the text at byte \(start) does not end")
    }

    private mutating func escape(into output: inout [UInt8]) throws(ModelStateError) {
        guard position < bytes.count else { throw unexpected("an escaped character") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): output.append(byte)
        case UInt8(ascii: "b"): output.append(0x08)
        case UInt8(ascii: "f"): output.append(0x0c)
        case UInt8(ascii: "n"): output.append(0x0a)
        case UInt8(ascii: "r"): output.append(0x0d)
        case UInt8(ascii: "t"): output.append(0x09)
        case UInt8(ascii: "u"):
            var code = try codeUnit()
            if code & 0xfc00 == 0xd800, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u")
            {
                position += 2
                let low = try codeUnit()
                guard low & 0xfc00 == 0xdc00 else { throw malformed("half a surrogate pair at byte \(position)") }
                code = 0x10000 + (code & 0x3ff) << 10 + (low & 0x3ff)
            }
            guard let scalar = Unicode.Scalar(code) else {
                throw malformed("half a surrogate pair at byte \(position)")
            }
            output += String(Character(scalar)).utf8
        default:
            throw malformed("an unknown escape at byte \(position - 1)")
        }
    }

    private mutating func codeUnit() throws(ModelStateError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard position < bytes.count, let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
                throw unexpected("four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0a, 0x0d: position += 1
            default: return
            }
        }
    }

    private mutating func accept(_ byte: UInt8) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ byte: UInt8, _ what: String) throws(ModelStateError) {
        guard accept(byte) else { throw unexpected(what) }
    }

    private func unexpected(_ what: String) -> ModelStateError {
        malformed(position < bytes.count ? "\(what) is missing at byte \(position)" : "it ends where \(what) should be")
    }

    private func malformed(_ text: String) -> ModelStateError {
        ModelStateError(.malformedFile, "the safetensors header is malformed: \(text)")
    }
}
