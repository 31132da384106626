// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Testing

@Suite struct SafetensorsHeaderTests {
    private func decode(_ json: String, data: Int) throws -> SafetensorsHeader {
        try Array(json.utf8).withUnsafeBytes { try SafetensorsHeader(decoding: $0, dataByteCount: data) }
    }

    private func refusal(_ json: [UInt8], data: Int) -> ModelStateError? {
        do {
            _ = try json.withUnsafeBytes { try SafetensorsHeader(decoding: $0, dataByteCount: data) }
            return nil
        } catch {
            return error as? ModelStateError
        }
    }

    @Test func aHeaderIsWrittenByteForByteAsTheFormatSays() throws {
        let layout = try TensorLayout([
            .init(name: "w", shape: [2, 3]), .init(name: "mean\n", shape: [3], role: .buffer),
            .init(name: "scalar", shape: []),
        ])
        let bytes = try SafetensorsHeader(layout: layout, metadata: ["z": "1", "a\"": "ü"]).encoded()
        var expected = #"{"__metadata__":{"a\"":"ü","tributary.role.mean\u000a":"buffer","z":"1"},"#
        expected += #""w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"#
        expected += #""mean\u000a":{"dtype":"F32","shape":[3],"data_offsets":[24,36]},"#
        expected += #""scalar":{"dtype":"F32","shape":[],"data_offsets":[36,40]}}"#
        let padding = (8 - expected.utf8.count % 8) % 8
        #expect(Array(bytes[8...]) == Array(expected.utf8) + Array(repeating: 0x20, count: padding))
        #expect(bytes.count % 8 == 0)
        #expect(bytes[..<8].enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) } == bytes.count - 8)
    }

    @Test func whatIsWrittenReadsBackWithRoles() throws {
        let tensors = (0..<10_000).map { index in
            TensorLayout.Tensor(
                name: "block.\(index).\u{1F600}",
                shape: index % 7 == 0 ? [] : [index % 5, 3],
                role: [.parameter, .buffer, .normalization][index % 3]
            )
        }
        let layout = try TensorLayout(tensors)
        let header = try SafetensorsHeader(layout: layout, metadata: ["round": "12"])
        let bytes = header.encoded()
        let read = try bytes[8...].withUnsafeBytes {
            try SafetensorsHeader(decoding: $0, dataByteCount: layout.byteCount)
        }
        #expect(read == header)
        #expect(try read.layout() == layout)
        #expect(read.metadata["round"] == "12")
    }

    @Test func tensorsAreOrderedByTheirDataAndEscapesAreRead() throws {
        let json = #" {"b":{"shape":[1],"dtype":"F64","data_offsets":[4,12]} , "\u0061\ud83d\ude00\/\t":"#
        #expect(throws: ModelStateError.self) { try decode(json, data: 12) }
        let header = try decode(
            String(json.dropFirst()) + #"{"data_offsets":[0,4],"dtype":"BF16","shape":[2]}}  "#,
            data: 12
        )
        #expect(header.entries.map(\.name) == ["a\u{1F600}/\t", "b"])
        #expect(header.entries.map(\.type) == [.bfloat16, .float64])
    }

    @Test(arguments: [
        (
            #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            8, "twice"
        ),
        (
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            8, "overlaps"
        ),
        (
            #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#,
            12, "gap"
        ),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8, "gap"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 3, "cut"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 5, "cut"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4, "need"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4, "no range"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}"#, 4, "without sign"),
        (#"{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}"#, 4, "comma"),
        (#"{"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}"#, 4, "leading zeros"),
        (#"{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4]}}"#, 4, "past 2^63"),
        (#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}"#, 4, "too large"),
        (#"{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,4]}}"#, 4, "need"),
        (#"{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}"#, 4, "more than 8"),
        (#"{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}"#, 4, "unknown type"),
        (#"{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 4, "repeated"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}"#, 4, "unknown or repeated"),
        (#"{"a":{"dtype":"F32","shape":[1]}}"#, 4, "lacks"),
        (#"{"__metadata__":{"k":1}}"#, 0, "quoted"), (#"{"__metadata__":{"k":"1","k":"2"}}"#, 0, "twice"),
        (#"{"__metadata__":{},"__metadata__":{}}"#, 0, "twice"), (#"{"\ud800":{}}"#, 0, "surrogate"),
        ("{} x", 0, "end of"),
        ("", 0, "opening brace"), ("[]", 0, "opening brace"), ("{\"a", 0, "does not end"), (#"{"\x":1}"#, 0, "escape"),
    ])
    func aWrongHeaderIsRefusedWithTheReason(_ json: String, _ data: Int, _ reason: String) {
        let error = refusal(Array(json.utf8), data: data)
        #expect(error?.message.contains(reason) == true, "\(json): \(error?.message ?? "accepted")")
    }

    @Test func textThatIsNotUTF8IsRefused() {
        let json = Array(#"{"__metadata__":{"k":""#.utf8) + [0xc3, 0x28] + Array(#""}}"#.utf8)
        #expect(refusal(json, data: 0)?.message.contains("UTF-8") == true)
    }

    @Test func lengthsPastTheLimitOrTheFileAreRefused() {
        func check(_ length: UInt64, _ size: Int) -> ModelStateError? {
            do {
                _ = try withUnsafeBytes(of: length.littleEndian) {
                    try SafetensorsHeader.jsonByteCount($0, fileByteCount: size)
                }
                return nil
            } catch {
                return error as? ModelStateError
            }
        }
        #expect(check(16, 24) == nil)
        #expect(check(17, 24)?.code == .malformedFile)
        #expect(check(0, 7)?.code == .malformedFile)
        #expect(check(64 << 20 + 1, .max)?.code == .malformedFile)
        #expect(check(.max, .max)?.code == .malformedFile)
    }

    @Test func aTensorNamedLikeTheMetadataCannotBeWritten() throws {
        let layout = try TensorLayout([.init(name: "__metadata__", shape: [1])])
        #expect(throws: ModelStateError.self) { try SafetensorsHeader(layout: layout) }
    }

    @Test func damagedHeadersGiveAnErrorOrAHeaderThatHolds() throws {
        let layout = try TensorLayout([.init(name: "w", shape: [2, 3]), .init(name: "b", shape: [3], role: .buffer)])
        let original = Array(try SafetensorsHeader(layout: layout, metadata: ["k": "v"]).encoded()[8...])
        for length in 0..<(original.lastIndex(of: UInt8(ascii: "}")) ?? 0) {
            #expect(refusal(Array(original[..<length]), data: 36) != nil, "cut to \(length)")
        }
        var generator = SeededGenerator(seed: Seed(7))
        var refused = 0
        for _ in 0..<20_000 {
            var bytes = original
            for _ in 0...generator.below(3) { bytes[generator.below(bytes.count)] = UInt8(generator.below(256)) }
            if refusal(bytes, data: 36) != nil {
                refused += 1
            } else {
                let header = try bytes.withUnsafeBytes { try SafetensorsHeader(decoding: $0, dataByteCount: 36) }
                #expect(header.entries.reduce(0) { $0 + $1.bytes.count } == 36)
            }
        }
        #expect(refused > 10_000)
    }
}
