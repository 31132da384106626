// SPDX-License-Identifier: Apache-2.0

import CZlib
import Randomness
import Testing

@testable import Learning

@Suite struct ReaderTests {
    private func code(_ body: () throws -> Void) -> LearningError.Code? {
        do {
            try body()
            return nil
        } catch { return (error as? LearningError)?.code }
    }

    private func bigEndian(_ values: Int...) -> [UInt8] {
        values.flatMap { value in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }
    }

    /// Compresses by zlib: window bits 31 make gzip, -15 raw deflate.
    static func compress(_ bytes: [UInt8], windowBits: Int32) -> [UInt8] {
        var stream = z_stream()
        deflateInit2_(
            &stream,
            9,
            Z_DEFLATED,
            windowBits,
            8,
            Z_DEFAULT_STRATEGY,
            ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size)
        )
        var input = bytes
        var output = [UInt8](repeating: 0, count: bytes.count + 1000)
        let capacity = output.count
        input.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                deflate(&stream, Z_FINISH)
            }
        }
        deflateEnd(&stream)
        return Array(output.prefix(capacity - Int(stream.avail_out)))
    }

    private func images(_ count: Int) -> [UInt8] {
        [0, 0, 8, 3] + bigEndian(count, 2, 3) + (0..<(count * 6)).map { UInt8(truncatingIfNeeded: $0 * 37) }
    }

    // MARK: IDX

    @Test func idxFilesAreReadPlainAndCompressed() throws {
        let folder = try TemporaryFolder()
        folder.write("train-images-idx3-ubyte.gz", Self.compress(images(4), windowBits: 31))
        folder.write("train-labels-idx1-ubyte", [0, 0, 8, 1] + bigEndian(4) + [3, 1, 0, 2])
        let data = try DataSpecification(parsing: "idx:\(folder.path)").load()
        let train = try data.requireTrain()
        #expect(train.shape == [2, 3] && train.labels == [3, 1, 0, 2])
        #expect(train.features(of: 1)[0] == Float(6 * 37) * (1 / 255))
        #expect(code { _ = try data.requireTest() } == .missingData)
        let held = try DataSpecification(parsing: "idx:\(folder.path)?test=0.25").load()
        #expect(try held.requireTrain().count == 3 && held.requireTest().count == 1)
    }

    @Test func anIDXLabelOf255IsNone() throws {
        let folder = try TemporaryFolder()
        folder.write("train-images-idx3-ubyte", images(4))
        folder.write("train-labels-idx1-ubyte", [0, 0, 8, 1] + bigEndian(4) + [3, 255, 0, 255])
        let train = try DataSpecification(parsing: "idx:\(folder.path)").load().requireTrain()
        #expect((0..<4).map { train.label(of: $0) } == [3, nil, 0, nil])
        #expect(train.classCount == 4)
    }

    @Test func damagedIDXFilesAreRefused() throws {
        let good = images(4)
        let packed = Self.compress(good, windowBits: 31)
        #expect(try IDXReader.array(good, name: "x").shape == [4, 2, 3])
        #expect(try IDXReader.array(packed, name: "x").values == Array(good.dropFirst(16)))
        for length in 0..<good.count {
            #expect(code { _ = try IDXReader.array(Array(good.prefix(length)), name: "x") } != nil, "\(length)")
        }
        for length in packed.indices {
            #expect(code { _ = try IDXReader.array(Array(packed.prefix(length)), name: "x") } != nil, "\(length)")
        }
        #expect(code { _ = try IDXReader.array(good + [1], name: "x") } == .malformedFile)
        #expect(code { _ = try IDXReader.array([1] + good.dropFirst(), name: "x") } == .malformedFile)
        #expect(code { _ = try IDXReader.array([0, 0, 13, 3] + good.dropFirst(4), name: "x") } == .unsupportedType)
        let claims = [0, 0, 8, 3] + bigEndian(0x7FFF_FFFF, 0x7FFF_FFFF, 0x7FFF_FFFF)
        #expect(code { _ = try IDXReader.array(claims, name: "x") } == .tooLarge)
        #expect(code { _ = try IDXReader.array(Self.compress(claims, windowBits: 31), name: "x") } == .tooLarge)
    }

    @Test func aCompressionBombIsRefusedBeforeItExpands() {
        // 90 MiB of zeros in about 90 kB.
        let size = 90 << 20
        let bomb = Self.compress([0, 0, 8, 1] + bigEndian(size) + [UInt8](repeating: 0, count: size), windowBits: 31)
        #expect(bomb.count < 120_000)
        #expect(code { _ = try IDXReader.array(bomb, name: "x") } == .tooLarge)
    }

    // MARK: NPZ

    private func array(_ type: String, _ shape: String, _ body: [UInt8], fortran: Bool = false) -> [UInt8] {
        var header = "{'descr': '\(type)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': \(shape), }"
        while (10 + header.utf8.count + 1) % 64 != 0 { header += " " }
        header += "\n"
        let length = header.utf8.count
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 255), UInt8(length >> 8)] + Array(header.utf8)
            + body
    }

    private func little(_ value: Int, _ width: Int) -> [UInt8] {
        (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private func archive(_ members: [(name: String, body: [UInt8])], deflated: Bool) -> [UInt8] {
        var file: [UInt8] = []
        var directory: [UInt8] = []
        for member in members {
            let crc = Int(crc32(crc32(0, nil, 0), member.body, UInt32(member.body.count)))
            let body = deflated ? Self.compress(member.body, windowBits: -15) : member.body
            let name = Array("\(member.name).npy".utf8)
            let common =
                little(20, 2) + little(0, 2) + little(deflated ? 8 : 0, 2) + little(0, 4) + little(crc, 4)
                + little(body.count, 4) + little(member.body.count, 4) + little(name.count, 2)
            directory +=
                little(0x0201_4B50, 4) + little(20, 2) + common + little(0, 2) + little(0, 2) + little(0, 2)
                + little(0, 2)
                + little(0, 4) + little(file.count, 4) + name
            file += little(0x0403_4B50, 4) + common + little(0, 2) + name + body
        }
        let end =
            little(0x0605_4B50, 4) + little(0, 4) + little(members.count, 2) + little(members.count, 2)
            + little(directory.count, 4) + little(file.count, 4) + little(0, 2)
        return file + directory + end
    }

    @Test func numpyArchivesMayHaveNaturalClients() throws {
        let folder = try TemporaryFolder()
        let values = array("|u1", "(3, 1)", [0, 51, 102])
        let labels = array("<i4", "(3,)", little(1, 4) + little(0, 4) + little(1, 4))
        let clients = array("<i4", "(3,)", little(2, 4) + little(0, 4) + little(2, 4))
        let path = folder.write(
            "a.npz",
            archive([("x_train", values), ("y_train", labels), ("c_train", clients)], deflated: true)
        )
        let train = try DataSpecification(parsing: "npz:\(path)?test=0").load().requireTrain()
        #expect(train.clients == [2, 0, 2] && train.isLabelled == nil)
        let some = array("<i4", "(3,)", little(1, 4) + little(-1, 4) + little(0, 4))
        let partly = folder.write("p.npz", archive([("x_train", values), ("y_train", some)], deflated: true))
        let table = try DataSpecification(parsing: "npz:\(partly)?test=0").load().requireTrain()
        #expect((0..<3).map { table.label(of: $0) } == [1, nil, 0])
        let wrong = folder.write(
            "b.npz",
            archive(
                [("x", values), ("y", labels), ("c", array("<i4", "(2,)", little(0, 4) + little(1, 4)))],
                deflated: true
            )
        )
        #expect(code { _ = try DataSpecification(parsing: "npz:\(wrong)?test=0").load() } == .malformedFile)
    }

    @Test func numpyArchivesOfAllTypesAreRead() throws {
        let folder = try TemporaryFolder()
        let bytes = array("|u1", "(2, 3)", [0, 51, 102, 153, 204, 255])
        let labels = array("<i8", "(2, 1)", little(1, 8) + little(0, 8))
        for deflated in [false, true] {
            let path = folder.write(
                "a.npz",
                archive([("train_images", bytes), ("train_labels", labels)], deflated: deflated)
            )
            let train = try DataSpecification(parsing: "npz:\(path)?test=0").load().requireTrain()
            #expect(train.labels == [1, 0] && train.shape == [3])
            #expect(train.features(of: 1) == [153, 204, 255].map { Float($0) * (1 / 255) })
        }
        let floats = array(
            "<f4",
            "(2, 1)",
            little(Int(Float(1.5).bitPattern), 4) + little(Int(Float(-2).bitPattern), 4)
        )
        let doubles = array("<f8", "(2,)", (0..<2).flatMap { little(Int(Double($0).bitPattern), 8) })
        let integers = array("<i4", "(2, 1)", little(-3, 4) + little(7, 4))
        let path = folder.write(
            "b.npz",
            archive(
                [("x_train", floats), ("y_train", doubles), ("x_test", integers), ("y_test", doubles)],
                deflated: true
            )
        )
        let data = try DataSpecification(parsing: "npz:\(path)").load()
        #expect(try data.requireTrain().features(of: 0) == [1.5] && data.requireTrain().features(of: 1) == [-2])
        #expect(try data.requireTest().features(of: 0) == [-3] && data.requireTest().labels == [0, 1])
    }

    @Test func damagedNumPyArchivesAreRefused() throws {
        let folder = try TemporaryFolder()
        func load(_ bytes: [UInt8]) throws {
            _ = try DataSpecification(parsing: "npz:\(folder.write("a.npz", bytes))").load()
        }
        let images = array("|u1", "(2, 2)", [1, 2, 3, 4])
        let labels = array("|u1", "(2,)", [0, 1])
        let good = archive([("x", images), ("y", labels)], deflated: true)
        try load(good)
        // Every truncation and every changed byte gives data or a typed error, never a crash; no truncation gives data.
        for length in 0..<good.count { #expect(code { try load(Array(good.prefix(length))) } != nil, "\(length)") }
        for position in good.indices {
            for change: UInt8 in [0x01, 0x80, 0xFF] {
                var bytes = good
                bytes[position] ^= change
                do { try load(bytes) } catch { #expect(error is LearningError) }
            }
        }
        func refusal(_ x: [UInt8], _ y: [UInt8]) -> LearningError.Code? {
            code { try load(archive([("x", x), ("y", y)], deflated: false)) }
        }
        #expect(refusal(array("|u1", "(2, 2)", [1, 2, 3, 4], fortran: true), labels) == .unsupportedType)
        #expect(refusal(array("<c8", "(2, 2)", [1, 2, 3, 4]), labels) == .unsupportedType)
        #expect(refusal(array("|u1", "(3, 2)", [1, 2, 3, 4]), labels) == .malformedFile)
        #expect(refusal(array("|u1", "(1000000000, 1000000000)", [1]), labels) == .tooLarge)
        #expect(refusal(images, array("|u1", "(3,)", [0, 1, 2])) == .malformedFile)
        #expect(refusal(images, array("<i4", "(2,)", little(-2, 4) + little(0, 4))) == .labelOutOfRange)
        let nan = little(Int(Float.nan.bitPattern), 4)
        #expect(refusal(array("<f4", "(2, 1)", nan + nan), labels) == .malformedFile)
        #expect(code { try load(archive([("z", images)], deflated: false)) } == .missingData)
    }

    // MARK: CSV

    private func load(_ text: String, _ query: String = "") throws -> Dataset {
        let folder = try TemporaryFolder()
        return try DataSpecification(parsing: "csv:\(folder.write("a.csv", Array(text.utf8)))\(query)").load()
    }

    @Test func csvRowsWithoutALabelAreNeverHeldOut() throws {
        let rows = (0..<40).map { $0 % 4 == 0 ? "\($0)," : "\($0),\($0 % 3)" }.joined(separator: "\n")
        let data = try load("x,y\n\(rows)\n", "?test=0.5")
        let (train, test) = (try data.requireTrain(), try data.requireTest())
        #expect(test.isLabelled?.allSatisfy { $0 } ?? true)
        #expect(train.isLabelled?.count { !$0 } == 10 && train.count + test.count == 40)
    }

    @Test func csvColumnsAreChosenFilledAndStandardized() throws {
        let text = "id,age,risk,site\r\n1,10,0,4\r\n2,?,1,4\r\n\r\n3,30,2,9\r\n"
        let raw = try load(text, "?label=risk&client=site&skip=id&standardize=0&test=0").requireTrain()
        #expect(raw.labels == [0, 1, 2] && raw.clients == [4, 4, 9] && raw.shape == [1])
        #expect((0..<3).map { raw.features(of: $0)[0] } == [10, 20, 30])
        let table = try load(text, "?label=2&binary=1&skip=0,3&test=0").requireTrain()
        #expect(table.labels == [0, 1, 1])
        let deviation = Float((200.0 / 3).squareRoot())
        #expect(
            zip((0..<3).map { table.features(of: $0)[0] }, [-10 / deviation, 0, 10 / deviation]).allSatisfy {
                abs($0 - $1) < 1e-6
            }
        )
    }

    @Test func csvHoldsOutRowsWhoseValuesDoNotShapeTheScale() throws {
        let rows = (0..<100).map { "\($0 * $0),\($0 % 2)" }.joined(separator: "\n")
        let data = try load(rows, "?test=0.3&seed=5")
        let (train, test) = (try data.requireTrain(), try data.requireTest())
        #expect(train.count == 70 && test.count == 30)
        let values = (0..<70).map { Double(train.features(of: $0)[0]) }
        #expect(abs(values.reduce(0, +) / 70) < 1e-6)
        #expect(abs(values.map { $0 * $0 }.reduce(0, +) / 70 - 1) < 1e-5)
        #expect(try load(rows, "?test=0.3&seed=5").requireTest().labels == test.labels)
    }

    @Test func badCSVIsRefused() {
        #expect(code { _ = try load("") } == .malformedFile)
        #expect(code { _ = try load("a,b\n") } == .malformedFile)
        #expect(code { _ = try load("1,0\n2\n") } == .malformedFile)
        #expect(code { _ = try load("1,0\nx,1\n") } == .malformedFile)
        #expect(code { _ = try load("1,0\ninf,1\n") } == .malformedFile)
        #expect(code { _ = try load("1,0\n2,0.5\n") } == .labelOutOfRange)
        #expect(code { _ = try load("1,0\n2,-1\n") } == .labelOutOfRange)
        #expect(code { _ = try load("1\n2\n") } == .malformedFile)
        #expect(code { _ = try load("1,0\n2,1\n", "?label=7") } == .unknownKey)
        var generator = SeededGenerator(seed: Seed(1))
        for _ in 0..<300 {
            let bytes = (0..<generator.below(60)).map { _ in
                Array("0123456789.,,\n\n?e-\"x\u{0} é".utf8)[generator.below(23)]
            }
            do { _ = try load(String(decoding: bytes, as: UTF8.self)) } catch { #expect(error is LearningError) }
        }
    }

    @Test func missingFilesAreNamed() {
        for text in ["idx:/nowhere", "npz:/nowhere/a.npz", "csv:/nowhere/a.csv"] {
            do {
                _ = try DataSpecification(parsing: text).load()
                Issue.record("\(text) loaded")
            } catch { #expect("\(error)".contains("/nowhere"), "\(error)") }
        }
    }
}
