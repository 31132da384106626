// SPDX-License-Identifier: Apache-2.0

import Foundation
import ModelState
import Randomness
import Testing

@Suite struct SafetensorsFileTests {
    private func withFile(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).safetensors")
            .path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private func sample() throws -> (TensorLayout, ParameterVector) {
        let layout = try TensorLayout([
            .init(name: "w", shape: [300, 401]), .init(name: "none", shape: [0, 4]),
            .init(name: "b", shape: [401], role: .buffer),
            .init(name: "s", shape: []),
        ])
        var generator = SeededGenerator(seed: Seed(1))
        return (layout, ParameterVector((0..<layout.elementCount).map { _ in generator.uniformFloat() - 0.5 }))
    }

    @Test func aModelReadsBackBitForBit() throws {
        let (layout, vector) = try sample()
        try withFile { path in
            try SafetensorsFile.write(vector, layout: layout, metadata: ["round": "3"], to: path)
            #expect(!FileManager.default.fileExists(atPath: path + ".partial"))
            let file = try SafetensorsFile(path: path)
            #expect(file.layout == layout)
            #expect(file.header.metadata["round"] == "3")
            #expect(try file.readVector() == vector)
            #expect(try file.readTensor(named: "b").elements == Array(vector.elements[layout.range(of: 2)]))
            #expect(try file.readTensor(named: "none").count == 0)
            #expect(throws: ModelStateError.self) { try file.readTensor(named: "x") }
        }
    }

    @Test func anyRangeOfCoordinatesIsThatOfTheVector() throws {
        let (layout, vector) = try sample()
        let elements = vector.elements
        try withFile { path in
            try SafetensorsFile.write(vector, layout: layout, to: path)
            let file = try SafetensorsFile(path: path)
            var generator = SeededGenerator(seed: Seed(2))
            let edge = 300 * 401
            for index in 0..<100 {
                let near = index % 2 == 0
                let start = near ? edge - generator.below(5) : generator.below(layout.elementCount)
                let end = start + generator.below(layout.elementCount - start + 1)
                var part = [Float](repeating: .nan, count: end - start)
                try part.withUnsafeMutableBufferPointer { try file.read(start..<end, into: $0) }
                #expect(part == Array(elements[start..<end]))
            }
        }
    }

    @Test func theBytesDoNotDependOnTheBlocks() throws {
        let (layout, vector) = try sample()
        let header = try SafetensorsHeader(layout: layout)
        func bytes(_ block: (Int) -> Int) throws -> [UInt8] {
            var output: [UInt8] = []
            let writer = SafetensorsWriter<Never>(header: header) { output += $0 }
            vector.withElements { elements in
                var start = 0
                while start < elements.count {
                    let end = min(elements.count, start + block(start))
                    writer.append(UnsafeBufferPointer(rebasing: elements[start..<end]))
                    start = end
                }
            }
            writer.finish()
            #expect(output.count == writer.byteCount)
            return output
        }
        let whole = try bytes { _ in .max >> 1 }
        #expect(try bytes { _ in 7 } == whole)
        #expect(try bytes { _ in 65_536 } == whole)
        #expect(try bytes { $0 % 3 == 0 ? 1 : 70_000 } == whole)
    }

    @Test func otherElementTypesAreConverted() throws {
        let values: [(String, [UInt8], [Float])] = [
            ("F64", [0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0], [1.5, -2]),
            ("F16", [0x00, 0x3e, 0x01, 0x00], [1.5, 5.960_464_5e-8]),
            ("BF16", [0xc0, 0x3f, 0x80, 0xff], [1.5, -.infinity]),
            ("I64", [0xfe, 255, 255, 255, 255, 255, 255, 255], [-2]), ("I32", [1, 0, 0, 1], [16_777_216]),
            ("U32", [255, 255, 255, 255], [4_294_967_296]), ("U8", [255, 1], [255, 1]), ("I8", [255, 1], [-1, 1]),
            ("I16", [0, 0x80], [-32_768]), ("U16", [0, 0x80], [32_768]), ("BOOL", [0, 1], [0, 1]),
            ("U64", [0, 0, 0, 0, 0, 0, 0, 0x80], [9_223_372_036_854_775_808]),
        ]
        for (type, bytes, expected) in values {
            try withFile { path in
                let json = """
                    {"x":{"dtype":"\(type)","shape":[\(expected.count)],"data_offsets":[0,\(bytes.count)]}}
                    """
                try write(json, bytes, to: path)
                #expect(try SafetensorsFile(path: path).readVector().elements == expected, "\(type)")
            }
        }
        try withFile { path in
            try write(#"{"x":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}"#, [1], to: path)
            let file = try SafetensorsFile(path: path)
            #expect { try file.readVector() } throws: { ($0 as? ModelStateError)?.code == .unsupportedType }
        }
    }

    private func write(_ json: String, _ data: [UInt8], to path: String) throws {
        let length = UInt64(json.utf8.count)
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array(json.utf8) + data
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    @Test func manyDoublesAreConvertedInPieces() throws {
        try withFile { path in
            let values = (0..<50_000).map { Double($0) / 8 }
            let data = values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
            }
            try write(#"{"x":{"dtype":"F64","shape":[50000],"data_offsets":[0,400000]}}"#, data, to: path)
            #expect(try SafetensorsFile(path: path).readVector().elements == values.map { Float($0) })
        }
    }

    @Test func aFileThatIsCutOrMissingIsRefused() throws {
        let (layout, vector) = try sample()
        try withFile { path in
            #expect { try SafetensorsFile(path: path) } throws: { ($0 as? ModelStateError)?.code == .fileAccess }
            try SafetensorsFile.write(vector, layout: layout, to: path)
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            for count in [0, 7, 8, 100, whole.count - 1] {
                try whole.prefix(count).write(to: URL(fileURLWithPath: path))
                #expect { try SafetensorsFile(path: path) } throws: { ($0 as? ModelStateError)?.code == .malformedFile }
            }
            // A file that is cut after it was opened is noticed too.
            try whole.write(to: URL(fileURLWithPath: path))
            let cut = try SafetensorsFile(path: path)
            #expect(try cut.readVector() == vector)
            try FileHandle(forWritingTo: URL(fileURLWithPath: path)).truncate(atOffset: 1_000)
            #expect { try cut.readVector() } throws: { ($0 as? ModelStateError)?.code == .malformedFile }
        }
    }
}
