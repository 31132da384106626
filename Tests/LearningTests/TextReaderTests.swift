// SPDX-License-Identifier: Apache-2.0

import Foundation
import Randomness
import Rounds
import Testing

@testable import Learning

/// Texts as data sets.
@Suite struct TextReaderTests {
    static let play = """
        ANNA:
        Who goes there: you?
        Speak:

        Ben, the elder:
        It is I.

        A stage direction

        ANNA:
        \u{E4}h
        """

    private func text(_ codes: [Float]) -> String {
        String(decoding: codes.map { $0 < 95 ? UInt8($0) + 32 : $0 == 95 ? 10 : 63 }, as: UTF8.self)
    }

    private func load(_ content: String, _ options: String) throws -> Dataset {
        let folder = try TemporaryFolder()
        let path = folder.write("play.txt", Array(content.utf8))
        return try DataSpecification(parsing: "text:\(path)?\(options)").load()
    }

    @Test func rolesAreClients() throws {
        let train = try load(Self.play, "length=3&stride=1&test=0").requireTrain()
        let clients = try #require(train.clients)
        let texts = ["Who goes there: you?\nSpeak:\n??h\n", "It is I.\nA stage direction\n"]
        #expect(train.shape == [3] && Set(clients) == [0, 1])
        for (client, expected) in texts.enumerated() {
            let own = clients.indices.filter { clients[$0] == client }
            #expect(own.count == expected.utf8.count - 3)
            let first = text(train.features(of: own[0]))
            #expect(first + text(own.map { Float(train.labels[$0]) }) == expected)
            // Each sample is the one before, moved on by one character.
            for (before, after) in zip(own, own.dropFirst()) {
                let moved = train.features(of: before).dropFirst() + [Float(train.labels[before])]
                #expect(train.features(of: after) == Array(moved))
            }
        }
    }

    @Test func theEndOfEachTextIsHeldOut() throws {
        let data = try load("A:\n" + String(repeating: "0123456789", count: 10), "length=4&stride=3&test=0.3")
        let (train, test) = (try data.requireTrain(), try data.requireTest())
        // 101 characters: 71 to train on, 30 to test on; runs of 5 every 3 characters.
        #expect(train.count == 23 && test.count == 9)
        #expect(text(train.features(of: 22)) + text([Float(train.labels[22])]) == "67890")
        #expect(text(test.features(of: 0)) == "1234" && text([Float(test.labels[0])]) == "5")
    }

    @Test func foldersHaveAClientForEachText() throws {
        let folder = try TemporaryFolder()
        folder.write("b.txt", Array("hello".utf8))
        folder.write("c.txt", Array("A:\r\nworld".utf8))
        folder.write("d.md", Array("left out".utf8))
        folder.write("a.txt", Array("no".utf8))
        let path = "text:\(folder.path)?length=2&stride=9&test=0"
        let train = try DataSpecification(parsing: path).load().requireTrain()
        // The text that is too short has no number.
        #expect(train.clients == [0, 1])
        #expect(text(train.features(of: 0)) == "he" && text(train.features(of: 1)) == "A:")
        #expect(train.labels.map { text([Float($0)]) } == ["l", "\n"])
    }

    @Test func charactersKeepToTheVocabulary() {
        let codes = (0...255).map { TextReader.character(UInt8($0)) }
        #expect(codes.allSatisfy { Int($0) < TextReader.vocabulary } && Set(codes).count == TextReader.vocabulary)
        #expect(codes[32] == 0 && codes[126] == 94 && codes[10] == 95 && codes[9] == 96 && codes[195] == 96)
    }

    @Test func specificationsReadBackTheirOwnText() throws {
        for text in ["text:/a", "text:/a?length=20", "text:/a?stride=3&test=0.5&part=2/9&split=natural"] {
            #expect(try DataSpecification(parsing: text).description == text)
        }
        for wrong in ["text:", "text:/a?length=0", "text:/a?stride=x", "text:/a?label=1", "text:/a?length=99999"] {
            #expect(throws: LearningError.self) { try DataSpecification(parsing: wrong) }
        }
    }

    @Test func uselessTextsAreRefused() throws {
        #expect(learningErrorCode { _ = try load("A:\nshort", "length=80") } == .missingData)
        #expect(learningErrorCode { _ = try load("", "length=1") } == .missingData)
        #expect(learningErrorCode { _ = try DataSpecification(parsing: "text:/nowhere.txt").load() } == .fileAccess)
    }

    @Test func compressedTextsAreReadAndDamagedOnesRefused() throws {
        let folder = try TemporaryFolder()
        let packed = ReaderTests.compress(Array(Self.play.utf8), windowBits: 31)
        let whole = folder.write("play.txt.gz", packed)
        let train = try DataSpecification(parsing: "text:\(whole)?length=3&stride=1&test=0").load().requireTrain()
        #expect(try train.labels == load(Self.play, "length=3&stride=1&test=0").requireTrain().labels)
        for bytes in [Array(packed.dropLast(9)), packed.prefix(20) + [7, 7, 7, 7] + packed.dropFirst(24)] {
            let path = folder.write("play.txt.gz", Array(bytes))
            #expect(throws: LearningError.self) {
                try DataSpecification(parsing: "text:\(path)?length=3&stride=1&test=0").load()
            }
        }
    }

    @Test func textModelsRefuseOtherData() throws {
        let model = try ModelArchitecture(ModelSpecification(kind: "gru", input: [4], classes: 97))
        let trainer = LocalTrainer(model: model)
        let parameters = model.initialParameters(seed: Seed(1))
        let image = SampleTable(bytes: [1, 2, 3, 4], shape: [4], labels: [1])
        let foreign = SampleTable(characters: [1, 2, 97, 4], length: 4, labels: [1])
        let fractions = SampleTable(floats: [1, 2, 0.5, 4], shape: [4], labels: [1])
        for table in [image, foreign, fractions] {
            let code = learningErrorCode { _ = try trainer.evaluate(parameters: parameters, samples: Samples(table)) }
            #expect(code == .shapeMismatch)
        }
    }

    @Test(.enabled(if: RealDataTests.isPresent, RealDataTests.missing)) func shakespeareHasItsRoles() throws {
        let path = "text:\(RealDataTests.folder)/tinyshakespeare/input.txt.gz?stride=40"
        let train = try DataSpecification(parsing: path).load().requireTrain()
        let clients = Set(train.clients ?? [])
        #expect(clients == Set(0..<Int32(clients.count)) && clients.count > 100)
        #expect(text(train.features(of: 0)).hasPrefix("Before we proceed any further, hear me speak.\nYou are all"))
    }
}
