// SPDX-License-Identifier: Apache-2.0

/// Frames of the protocol, written and read by hand: a second opinion on `Protocols/PROTOCOL.md`.
struct WireFrame: Equatable {
    /// The field of the frame's body: which message it is.
    let body: Int
    /// The message.
    let message: [UInt8]

    static let goodbye = 2
    static let chunk = 3
    static let hello = 10
    static let operatorRequest = 16
    static let welcome = 40

    // MARK: - Writing

    private static func varint(_ value: UInt64) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    static func field(_ number: Int, _ value: UInt64) -> [UInt8] { varint(UInt64(number) << 3) + varint(value) }

    static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
        varint(UInt64(number) << 3 | 2) + varint(UInt64(bytes.count)) + bytes
    }

    static func length(_ count: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } }

    /// A frame with its length word.
    static func bytes(_ body: Int, _ message: [UInt8]) -> [UInt8] {
        let frame = field(body, message)
        return length(UInt32(frame.count)) + frame
    }

    /// The hello of an agent, or without a name of an operator.
    static func helloBytes(agent: String?, oldest: UInt64 = 1, newest: UInt64 = 1) -> [UInt8] {
        let versions = field(1, oldest) + field(2, newest)
        guard let agent else { return bytes(hello, versions + field(3, 2)) }
        return bytes(hello, versions + field(3, 1) + field(4, Array(agent.utf8)) + field(6, Array("fp32".utf8)))
    }

    // MARK: - Reading

    /// The complete frames at the beginning of the bytes.
    static func parse(_ bytes: [UInt8]) throws -> [WireFrame] {
        var frames: [WireFrame] = []
        var rest = bytes[...]
        while rest.count >= 4 {
            let length = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            guard rest.count >= 4 + length else { break }
            let fields = try Self.fields(Array(rest.dropFirst(4).prefix(length)))
            guard let first = fields.first, case .bytes(let message) = first.value else {
                throw TestFailure("a frame without a message")
            }
            frames.append(WireFrame(body: first.number, message: message))
            rest = rest.dropFirst(4 + length)
        }
        return frames
    }

    enum Value {
        case number(UInt64)
        case bytes([UInt8])
    }

    /// The numbers and texts of the message, by field.
    func number(_ field: Int) -> UInt64? {
        for case (field, .number(let value)) in (try? Self.fields(message)) ?? [] { return value }
        return nil
    }

    func text(_ field: Int) -> String? {
        for case (field, .bytes(let bytes)) in (try? Self.fields(message)) ?? [] {
            return String(decoding: bytes, as: UTF8.self)
        }
        return nil
    }

    private static func fields(_ bytes: [UInt8]) throws -> [(number: Int, value: Value)] {
        var fields: [(number: Int, value: Value)] = []
        var rest = bytes[...]
        func varint() throws -> UInt64 {
            var (value, shift) = (UInt64(0), UInt64(0))
            while let byte = rest.popFirst() {
                value |= UInt64(byte & 0x7F) << shift
                if byte & 0x80 == 0 { return value }
                shift += 7
            }
            throw TestFailure("a number that does not end")
        }
        while !rest.isEmpty {
            let key = try varint()
            let number = Int(key >> 3)
            switch key & 7 {
            case 0: fields.append((number, .number(try varint())))
            case 1: rest = rest.dropFirst(8)
            case 2:
                let count = Int(try varint())
                guard count <= rest.count else { throw TestFailure("a field past its message") }
                fields.append((number, .bytes(Array(rest.prefix(count)))))
                rest = rest.dropFirst(count)
            default: throw TestFailure("a field of type \(key & 7)")
            }
        }
        return fields
    }
}
