// SPDX-License-Identifier: Apache-2.0

import Foundation
import Reporting
import Testing

@Suite struct ResultTableTests {
    private static let table = ResultTable([
        .init("name, of it", .text(["plain", "a \"quoted\", one", "two\r\nlines", "", nil])),
        .init("count", .integer([1, nil, -3, .max, 0])),
        .init("value", .real([0.1, .nan, .infinity, nil, 1e-300])),
        .init("flag", .boolean([true, false, nil, true, false])),
    ])

    @Test func csvIsThatOfRFC4180() {
        #expect(
            Self.table.csv == "\"name, of it\",count,value,flag\r\n" + "plain,1,0.1,true\r\n"
                + "\"a \"\"quoted\"\", one\",,nan,false\r\n" + "\"two\r\nlines\",-3,inf,\r\n"
                + "\"\",9223372036854775807,,true\r\n" + ",0,1e-300,false\r\n"
        )
    }

    /// An independent reader of RFC 4180 finds every text again.
    @Test func anyTextSurvivesCSV() {
        let hostile = ["\"", "\"\"", ",", "\n", "\r", "\r\n", "a\"b,c\nd", " space ", "ü€😀", "=1+1"]
        let table = ResultTable([.init("text", .text(hostile)), .init("more", .text(hostile.reversed()))])
        let rows = Self.parse(table.csv)
        #expect(rows == [["text", "more"]] + zip(hostile, hostile.reversed()).map { [$0, $1] })
    }

    @Test func columnsOfJSONKeepTypesOrderAndGaps() throws {
        let text = Self.table.columnJSON
        let parsed = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: [String: Any]])
        #expect(parsed["schema"]?["count"] as? String == "int64")
        #expect(parsed["schema"]?["value"] as? String == "float64")
        let values = try #require(parsed["columns"]?["value"] as? [Any])
        #expect(values[0] as? Double == 0.1)
        #expect(values[1] is NSNull && values[2] is NSNull && values[3] is NSNull)
        let names = try #require(parsed["columns"]?["name, of it"] as? [Any])
        #expect(names[2] as? String == "two\r\nlines")
        #expect(names[3] as? String == "")
        #expect(names[4] is NSNull)
        let positions = ["name, of it", "count", "value", "flag"].compactMap {
            text.range(of: "\"\($0)\":[")?.lowerBound
        }
        #expect(positions.count == 4 && positions == positions.sorted())
    }

    @Test func markdownHasAlignedColumnsWhateverIsInThem() {
        let table = ResultTable([
            .init("method", .text(["a|b", "two\nlines"])), .init("accuracy", .real([0.91234, nil])),
        ])
        let lines = table.markdown.split(separator: "\n")
        #expect(lines.count == 4)
        #expect(Set(lines.map(\.count)).count == 1)
        #expect(lines[1] == "| --------- | -------: |")
        #expect(lines[2] == "| a\\|b      |   0.9123 |")
    }

    @Test func columnsWithoutAnythingAreLeftOut() {
        let table = ResultTable([.init("a", .integer([1])), .init("b", .real([nil]))])
        #expect(table.withoutEmptyColumns.columns.map(\.name) == ["a"])
    }

    private static func parse(_ text: String) -> [[String]] {
        var (rows, row, field, isQuoted): ([[String]], [String], [UInt8], Bool) = ([], [], [], false)
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if isQuoted {
                guard byte == 0x22 else {
                    field.append(byte)
                    continue
                }
                if index < bytes.count, bytes[index] == 0x22 {
                    field.append(byte)
                    index += 1
                } else {
                    isQuoted = false
                }
            } else if byte == 0x22 {
                isQuoted = true
            } else if byte == 0x2C || byte == 0x0D {
                row.append(String(decoding: field, as: UTF8.self))
                field = []
                guard byte == 0x0D else { continue }
                rows.append(row)
                row = []
                index += 1
            } else {
                field.append(byte)
            }
        }
        return rows
    }
}
