// SPDX-License-Identifier: Apache-2.0

import Foundation
import Randomness
import Testing

@testable import Selection

@Suite struct LabelPredicateTests {
    static let labels = ["region": "eu", "ram": "8", "os": "mac os", "build": "1.10", "site": "a/b:c"]

    @Test(arguments: [
        ("region=eu & ram>4", true), ("region=eu&ram>8", false), ("region = us | ram >= 8", true),
        ("region!=us", true), ("region!=eu", false), ("!region=us", true), ("!(region=eu)", false),
        ("!!region=eu", true), ("ram<8", false), ("ram<=8", true), ("ram=8.0", true), ("ram=8e0", true),
        ("ram!=8.0", false),
        ("os=\"mac os\"", true), ("os=mac", false), ("build=1.1", true), ("build=\"1.10\"", true), ("site=a/b:c", true),
        // Without the label: only != holds.
        ("gpu=none", false), ("gpu!=none", true), ("gpu>0", false), ("gpu<=0", false), ("!gpu>0", true),
        // Text does not compare with numbers.
        ("region>0", false), ("region<0", false),
        // & binds before |.
        ("region=us & ram>4 | ram=8", true), ("region=us & (ram>4 | ram=8)", false),
        ("region=eu | region=us & ram>100", true), ("  ( ( region=eu ) )  ", true),
        // Numbers hide labels.
        ("cores>3", true), ("cores=4", true), ("load=0.5", true), ("load=busy", false), ("load!=busy", true),
    ])
    func conditionsHoldAsTheyRead(_ text: String, _ expected: Bool) throws {
        let predicate = try LabelPredicate(parsing: text)
        var labels = Self.labels
        labels["load"] = "busy"
        #expect(predicate.matches(labels: labels, numbers: ["cores": 4, "load": 0.5]) == expected)
    }

    @Test(arguments: [
        ("", 1), ("   ", 4), ("region", 7), ("region=", 8), ("region=eu &", 12), ("region=eu region=us", 11),
        ("(region=eu", 11), ("region=eu)", 10), ("ram>big", 5), ("ram>", 5), ("=eu", 1), ("4=ram", 1), ("os=\"mac", 4),
        ("ram!8", 5), ("ram=>8", 5), ("a=1 && b=2", 6), ("a=1 || b=2", 6), ("a==1", 3), ("gr\u{F6}sse>4", 3),
        ("ram>nan", 5), ("ram>inf", 5), ("ram>0x10", 5), ("ram>1e999", 5), ("!", 2), ("()", 2),
    ])
    func errorsPointAtTheColumn(_ text: String, _ column: Int) {
        do {
            _ = try LabelPredicate(parsing: text)
            Issue.record("'\(text)' was read")
        } catch let error as SelectionError {
            #expect(error.code == .invalidPredicate)
            #expect(error.column == column, "\(error)")
            #expect(error.message.contains("column \(column)"))
        } catch {
            Issue.record("another error: \(error)")
        }
    }

    @Test func nestingAndLengthAreBounded() throws {
        let deep = { (levels: Int) in
            String(repeating: "(", count: levels) + "a=1" + String(repeating: ")", count: levels)
        }
        #expect(try LabelPredicate(parsing: deep(60)).matches(labels: ["a": "1"]))
        #expect(throws: SelectionError.self) { try LabelPredicate(parsing: deep(65)) }
        #expect(throws: SelectionError.self) { try LabelPredicate(parsing: deep(2_000)) }
        let negated = { (levels: Int) in String(repeating: "!", count: levels) + "a=1" }
        #expect(try LabelPredicate(parsing: negated(60)).matches(labels: ["a": "1"]))
        #expect(throws: SelectionError.self) { try LabelPredicate(parsing: negated(65)) }
        #expect(throws: SelectionError.self) { try LabelPredicate(parsing: negated(4_000)) }
        let long = (0..<2_000).map { _ in "a=1" }.joined(separator: "|")
        #expect(throws: SelectionError.self) { try LabelPredicate(parsing: long) }
        let flat = (0..<1_000).map { _ in "a=1" }.joined(separator: "&")
        #expect(try LabelPredicate(parsing: flat).matches(labels: ["a": "1"]))
    }

    @Test func anyTextIsReadOrRefused() throws {
        let pieces = ["a=4", "x.y>=-1", "a", "<", "&", "|", "!", "(", ")", "\"", " ", "4", "\u{1F600}", "\n"]
        var generator = SeededGenerator(seed: Seed(7))
        var readCount = 0
        for _ in 0..<800 {
            let text = (0..<(1 + generator.below(6))).map { _ in pieces[generator.below(pieces.count)] }.joined()
            do {
                let predicate = try LabelPredicate(parsing: text)
                _ = predicate.matches(labels: ["a": "4"])
                readCount += 1
            } catch let error as SelectionError {
                let column = try #require(error.column)
                #expect(column >= 1 && column <= text.count + 1)
            }
        }
        #expect(readCount > 10)
    }

    @Test func textGoesThroughCoding() throws {
        let predicate = try LabelPredicate(parsing: "region=eu & ram>4")
        let back = try JSONDecoder().decode(LabelPredicate.self, from: JSONEncoder().encode(predicate))
        #expect(back == predicate)
        #expect(back.description == "region=eu & ram>4")
    }
}
