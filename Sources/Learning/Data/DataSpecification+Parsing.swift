// SPDX-License-Identifier: Apache-2.0

internal import Randomness

extension DataSpecification {
    static let defaultGlyphSamples = 6000
    static let defaultGlyphTest = 1000
    static let defaultTextLength = 80
    static let defaultTextStride = 8

    /// Reads a specification from its text.
    ///
    /// - Throws: ``LearningError`` with code `unknownKey` (the message lists the known keys) or `invalidSpecification`.
    public init(parsing text: String) throws {
        let halves = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let head = halves[0].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let common = ["part", "seed", "split", "test"]
        let hiding = ["seen", "labelled"]
        let known: [String]
        switch head[0] {
        case "glyphs": known = common + ["samples"] + hiding
        case "synthetic": known = common + ["clients", "samples", "features", "classes"]
        case "idx", "npz": known = common + hiding + ["limit"]
        case "text": known = common + ["length", "stride"]
        case "csv": known = common + hiding + ["binary", "client", "label", "limit", "skip", "standardize"]
        default:
            throw LearningError(
                .invalidSpecification,
                "data '\(text)' has no known source; known: "
                    + "glyphs, synthetic, idx:FOLDER, npz:FILE, csv:PATH, text:PATH"
            )
        }
        var options = try Options(halves.count > 1 ? String(halves[1]) : "", known: known, text: text)
        self.init(source: .glyphs(samples: 0, test: 0))
        seed = Seed(try options.number("seed", in: 0...UInt64.max) ?? 1)
        split = try options.take("split").map { try DataSplit(parsing: $0) } ?? .iid
        part = try options.take("part").map(Self.parsePart)
        hiddenLabels = try Self.parseHidden(&options)
        limit = try options.number("limit", in: 1...1 << 32).map { Int($0) }
        if head[0] == "glyphs" {
            guard head.count == 1 else {
                throw LearningError(
                    .invalidSpecification,
                    "data '\(text)': glyphs have no path; write glyphs?samples=6000"
                )
            }
            let samples = try options.number("samples", in: 1...1 << 26).map { Int($0) }
            let test = try options.number("test", in: 0...1 << 26).map { Int($0) }
            source = .glyphs(samples: samples ?? Self.defaultGlyphSamples, test: test ?? Self.defaultGlyphTest)
            return
        }
        if head[0] == "synthetic" {
            source = .synthetic(try Self.parseSynthetic(&options))
            return
        }
        guard head.count == 2, !head[1].isEmpty else {
            throw LearningError(.invalidSpecification, "data '\(text)' needs a path after '\(head[0]):'")
        }
        testFraction = try options.fraction("test")
        switch head[0] {
        case "idx": source = .idx(path: head[1])
        case "npz": source = .npz(path: head[1])
        case "text":
            let length = try options.number("length", in: 1...1 << 14).map { Int($0) }
            let stride = try options.number("stride", in: 1...1 << 26).map { Int($0) }
            source = .text(
                path: head[1],
                length: length ?? Self.defaultTextLength,
                stride: stride ?? Self.defaultTextStride
            )
        default:
            var csv = CSVOptions()
            csv.label = options.take("label")
            csv.client = options.take("client")
            csv.skipped = options.take("skip")?.split(separator: ",").map(String.init) ?? []
            csv.isBinary = try options.flag("binary") ?? false
            csv.standardizes = try options.flag("standardize") ?? true
            source = .csv(path: head[1], options: csv)
        }
    }

    private static func parseHidden(_ options: inout Options) throws -> HiddenLabels? {
        let seen = try options.number("seen", in: 0...1 << 20).map { Int($0) }
        let fraction = try options.share("labelled")
        guard seen != nil || (fraction ?? 1) < 1 else { return nil }
        return HiddenLabels(seenClasses: seen, labelledFraction: fraction ?? 1)
    }

    private static func parseSynthetic(_ options: inout Options) throws -> SyntheticSet {
        let defaults = SyntheticSet()
        func number(_ key: String, _ range: ClosedRange<UInt64>, _ value: Int) throws -> Int {
            try options.number(key, in: range).map { Int($0) } ?? value
        }
        return SyntheticSet(
            clients: try number("clients", 1...1 << 26, defaults.clients),
            samples: try number("samples", 1...1 << 16, defaults.samples),
            test: try number("test", 0...1 << 26, defaults.test),
            features: try number("features", 1...1 << 16, defaults.features),
            classes: try number("classes", 2...1 << 16, defaults.classes)
        )
    }

    private static func parsePart(_ text: String) throws -> Part {
        let numbers = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.count == 2, let number = numbers[0], let count = numbers[1], number >= 1, number <= count,
            count <= Int(UInt32.max)
        else {
            throw LearningError(.invalidSpecification, "part=\(text) must be like 3/20, counted from 1")
        }
        return Part(number: number, of: count)
    }

    /// The options after the question mark.
    private struct Options {
        private var values: [String: String] = [:]

        init(_ query: String, known: [String], text: String) throws {
            for item in query.split(separator: "&") {
                let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                guard known.contains(pair[0]) else {
                    throw LearningError(
                        .unknownKey,
                        "data '\(text)': unknown option '\(pair[0])'; known: \(known.sorted().joined(separator: ", "))"
                    )
                }
                guard pair.count == 2, !pair[1].isEmpty, values[pair[0]] == nil else {
                    throw LearningError(
                        .invalidSpecification,
                        "data '\(text)': option '\(pair[0])' needs one value, given once"
                    )
                }
                values[pair[0]] = pair[1]
            }
        }

        mutating func take(_ key: String) -> String? {
            values.removeValue(forKey: key)
        }

        mutating func number(_ key: String, in range: ClosedRange<UInt64>) throws -> UInt64? {
            guard let text = take(key) else { return nil }
            guard let value = UInt64(text), range.contains(value) else {
                throw LearningError(
                    .invalidSpecification,
                    "\(key)=\(text) must be a whole number from \(range.lowerBound) to \(range.upperBound)"
                )
            }
            return value
        }

        mutating func fraction(_ key: String) throws -> Double? {
            guard let text = take(key) else { return nil }
            guard let value = Double(text), value >= 0, value < 1 else {
                throw LearningError(
                    .invalidSpecification,
                    "\(key)=\(text) must be a fraction from 0 up to, not including, 1"
                )
            }
            return value
        }

        mutating func share(_ key: String) throws -> Double? {
            guard let text = take(key) else { return nil }
            guard let value = Double(text), value >= 0, value <= 1 else {
                throw LearningError(.invalidSpecification, "\(key)=\(text) must be a share from 0 to 1")
            }
            return value
        }

        mutating func flag(_ key: String) throws -> Bool? {
            guard let text = take(key) else { return nil }
            guard text == "0" || text == "1" else {
                throw LearningError(.invalidSpecification, "\(key)=\(text) must be 0 or 1")
            }
            return text == "1"
        }
    }
}
