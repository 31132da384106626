// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Reporting

@Suite struct EventFileTests {
    /// The check value of the polynomial's catalogue entry, and the vectors of RFC 3720, B.4.
    @Test func checksumsAreThoseOfThePublishedVectors() {
        #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.checksum((0..<32).map { UInt8($0) }) == 0x46DD_794E)
    }

    /// TensorFlow's own files begin with these bytes; TensorBoard 2.20 reads both records.
    @Test func recordsHaveTheBytesOfTensorFlow() {
        #expect(
            Self.hex(EventRecord.fileVersion(wallTime: 1.5e9).bytes)
                == "1800000000000000a37f4b2209000000c00b5ad6411a0d627261696e2e4576656e743a324ca9a464"
        )
        #expect(
            Self.hex(EventRecord.scalars([("acc", 0.5)], step: 300, wallTime: 1.5e9).bytes)
                == "1a00000000000000129bd82d09000000c00b5ad64110ac022a0c0a0a0a03616363150000003f907c35a8"
        )
    }

    @Test func whatWasWrittenIsRead() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "events-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = try EventFile(folder: folder, wallTime: 12.25)
        for step in [0, 1, 127, 128, 1 << 40] {
            let values = [("accuracy/test", Double(step) / 2), ("loss", -1.5)]
            try file.write(.scalars(values, step: step, wallTime: 100 + Double(step)))
        }
        let name = try #require(file.path.split(separator: "/").last)
        #expect(name == "events.out.tfevents.12.250000.tributary")
        let events = try EventReader.read([UInt8](Data(contentsOf: URL(filePath: file.path))))
        #expect(events.first?.version == "brain.Event:2")
        #expect(events.dropFirst().map(\.step) == [0, 1, 127, 128, 1 << 40])
        #expect(events[3].scalars["accuracy/test"] == 63.5)
        #expect(events.last?.scalars["loss"] == -1.5)
        #expect(events.last?.wallTime == 100 + Double(1 << 40))
    }

    @Test func twoFilesOfOneMomentAreNotMixed() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "events-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try EventFile(folder: folder, wallTime: 1)
        #expect(throws: ReportingError.self) { try EventFile(folder: folder, wallTime: 1) }
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}

/// Reads event files by their published format; checks everything that can be checked.
private struct EventReader {
    struct Event {
        var wallTime = 0.0
        var step = 0
        var version = ""
        var scalars: [String: Float] = [:]
    }

    struct Damage: Error {}

    static func read(_ bytes: [UInt8]) throws -> [Event] {
        var rest = bytes[...]
        var events: [Event] = []
        while !rest.isEmpty {
            guard rest.count >= 16 else { throw Damage() }
            let length = Int(number(rest.prefix(8)))
            guard check(rest.prefix(8)) == number(rest.dropFirst(8).prefix(4)), rest.count >= length + 16 else {
                throw Damage()
            }
            let body = rest.dropFirst(12).prefix(length)
            guard check(body) == number(rest.dropFirst(12 + length).prefix(4)) else { throw Damage() }
            events.append(try event(body))
            rest = rest.dropFirst(16 + length)
        }
        return events
    }

    private static func event(_ body: ArraySlice<UInt8>) throws -> Event {
        var event = Event()
        for (field, value) in try fields(body) {
            switch field {
            case 1: event.wallTime = Double(bitPattern: number(value))
            case 2: event.step = Int(number(value))
            case 3: event.version = String(decoding: value, as: UTF8.self)
            case 5:
                for (_, one) in try fields(value) {
                    let parts = Dictionary(uniqueKeysWithValues: try fields(one))
                    guard let tag = parts[1], let scalar = parts[2] else { throw Damage() }
                    event.scalars[String(decoding: tag, as: UTF8.self)] = Float(bitPattern: UInt32(number(scalar)))
                }
            default: throw Damage()
            }
        }
        return event
    }

    /// A message's fields; variable-length numbers as eight bytes.
    private static func fields(_ message: ArraySlice<UInt8>) throws -> [(Int, ArraySlice<UInt8>)] {
        var rest = message
        func varint() throws -> UInt64 {
            var (value, shift): (UInt64, UInt64) = (0, 0)
            while let byte = rest.popFirst() {
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
            throw Damage()
        }
        var found: [(Int, ArraySlice<UInt8>)] = []
        while !rest.isEmpty {
            let key = try varint()
            var length = 8
            switch key & 7 {
            case 0:
                let value = try varint()
                found.append((Int(key >> 3), withUnsafeBytes(of: value.littleEndian) { ArraySlice($0) }))
                continue
            case 1: length = 8
            case 2: length = Int(try varint())
            case 5: length = 4
            default: throw Damage()
            }
            guard rest.count >= length else { throw Damage() }
            found.append((Int(key >> 3), rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return found
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The masked check, bit by bit.
    private static func check(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        var value = UInt32.max
        for byte in bytes {
            for bit in 0..<8 {
                let isSet = (value ^ UInt32(byte >> bit)) & 1 == 1
                value = isSet ? (value >> 1) ^ 0x82F6_3B78 : value >> 1
            }
        }
        value = ~value
        return UInt64((value >> 15 | value << 17) &+ 0xA282_EAD8)
    }
}
