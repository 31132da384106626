// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// Names a data set, and one client's part of it, in one line of text.
///
///     glyphs?samples=6000&test=1000                     procedural images, nothing to download
///     synthetic?clients=10000&split=natural             procedural samples of many small clients
///     idx:/data/mnist?part=3/20&split=dirichlet:0.5     MNIST-style files
///     npz:/data/pneumoniamnist.npz                      NumPy archives
///     csv:/data/heart?binary=1&split=natural&part=2/4   a CSV file, or a folder with one file for each client
///     text:/data/plays.txt.gz?length=80&split=natural   a play whose roles are clients, or a folder of texts
///
/// Options of every source: `part=K/N` (K from 1; default: everything), `split=iid | dirichlet:ALPHA |
/// balanced-dirichlet:ALPHA | labels:COUNT | shards:COUNT | similarity:SHARE | rare:COUNT | natural` (default `iid`),
/// `seed=NUMBER` (default 1; drives split, held-out samples, hidden labels and glyphs alike, so all clients of a job
/// must give the same). All but `synthetic` and `text` have `seen=COUNT` and `labelled=FRACTION`, which take labels
/// away from training samples (``HiddenLabels``); all but these and `glyphs` have `limit=COUNT`, the most training
/// samples that are kept of the whole source, drawn at random. `glyphs`
/// adds `samples=` and `test=` (numbers of images), `synthetic` has `clients=`, `samples=` (of each client), `test=`,
/// `features=` and `classes=`. The others add `test=` (the fraction held out where the source has no test part of its
/// own: default 0 for `idx`, 0.2 for `npz` and `csv`). `csv` adds `label=COLUMN` (name or number from 0; default the
/// last), `client=COLUMN`, `skip=COLUMN,COLUMN`, `binary=1` (label above 0 becomes 1) and `standardize=0` (default 1).
/// `text` adds `length=` (the characters before the one to tell, default 80) and `stride=` (the characters from one
/// sample to the next, default 8); it holds out the end of each client's text, a fifth by default.
public struct DataSpecification: Sendable, Hashable {
    /// Where the samples come from.
    public enum Source: Sendable, Hashable {
        /// Procedural images: how many to train and to test on.
        case glyphs(samples: Int, test: Int)
        /// A folder of IDX files.
        case idx(path: String)
        /// A NumPy archive.
        case npz(path: String)
        /// A CSV file or a folder of them.
        case csv(path: String, options: CSVOptions)
        /// A procedural set of many clients.
        case synthetic(SyntheticSet)
        /// A play or a folder of texts: the characters of a sample, and from one sample to the next.
        case text(path: String, length: Int, stride: Int)
    }

    /// How the columns of a CSV file are understood.
    public struct CSVOptions: Sendable, Hashable {
        /// The label's column, by name or number; nil for the last.
        public var label: String?
        /// The natural client's column, by name or number; nil for none.
        public var client: String?
        /// Columns to leave out.
        public var skipped: [String] = []
        /// Whether labels above 0 become 1.
        public var isBinary = false
        /// Whether columns are shifted and scaled to mean 0 and deviation 1 over the training rows.
        public var standardizes = true

        /// Creates the default options.
        public init() {}
    }

    /// One of `count` parts.
    public struct Part: Sendable, Hashable {
        /// The part's number, from 1.
        public let number: Int
        /// The number of parts.
        public let count: Int

        /// Creates a part.
        ///
        /// - Precondition: `number` lies in 1 ... count.
        public init(number: Int, of count: Int) {
            precondition(number >= 1 && number <= count, "parts are numbered from 1 to their count")
            self.number = number
            self.count = count
        }
    }

    /// Where the samples come from.
    public var source: Source
    /// The client's part; nil for everything.
    public var part: Part?
    /// How samples are dealt to parts.
    public var split: DataSplit
    /// The seed of the split, of held-out samples and of glyphs.
    public var seed: Seed
    /// The fraction of samples to hold out where the source has no test part; nil for the source's default.
    public var testFraction: Double?
    /// Which training samples lose their labels; nil for none.
    public var hiddenLabels: HiddenLabels?
    /// The most training samples of the whole source; nil for all.
    public var limit: Int?

    /// Creates a specification.
    public init(
        source: Source,
        part: Part? = nil,
        split: DataSplit = .iid,
        seed: Seed = Seed(1),
        testFraction: Double? = nil
    ) {
        self.source = source
        self.part = part
        self.split = split
        self.seed = seed
        self.testFraction = testFraction
    }
}

extension DataSpecification: CustomStringConvertible, Codable {
    /// The specification's text, without the options that have their defaults; ``init(parsing:)`` reads it back.
    public var description: String {
        var options: [String] = []
        var name: String
        switch source {
        case .glyphs(let samples, let test):
            name = "glyphs"
            if samples != Self.defaultGlyphSamples { options.append("samples=\(samples)") }
            if test != Self.defaultGlyphTest { options.append("test=\(test)") }
        case .synthetic(let set):
            name = "synthetic"
            let defaults = SyntheticSet()
            if set.clients != defaults.clients { options.append("clients=\(set.clients)") }
            if set.samples != defaults.samples { options.append("samples=\(set.samples)") }
            if set.test != defaults.test { options.append("test=\(set.test)") }
            if set.features != defaults.features { options.append("features=\(set.features)") }
            if set.classes != defaults.classes { options.append("classes=\(set.classes)") }
        case .idx(let path): name = "idx:\(path)"
        case .npz(let path): name = "npz:\(path)"
        case .csv(let path, let csv):
            name = "csv:\(path)"
            if let label = csv.label { options.append("label=\(label)") }
            if let client = csv.client { options.append("client=\(client)") }
            if !csv.skipped.isEmpty { options.append("skip=\(csv.skipped.joined(separator: ","))") }
            if csv.isBinary { options.append("binary=1") }
            if !csv.standardizes { options.append("standardize=0") }
        case .text(let path, let length, let stride):
            name = "text:\(path)"
            if length != Self.defaultTextLength { options.append("length=\(length)") }
            if stride != Self.defaultTextStride { options.append("stride=\(stride)") }
        }
        if let testFraction { options.append("test=\(testFraction)") }
        if let limit { options.append("limit=\(limit)") }
        if let seen = hiddenLabels?.seenClasses { options.append("seen=\(seen)") }
        if let fraction = hiddenLabels?.labelledFraction, fraction != 1 { options.append("labelled=\(fraction)") }
        if let part { options.append("part=\(part.number)/\(part.count)") }
        if split != .iid { options.append("split=\(split)") }
        if seed != Seed(1) { options.append("seed=\(seed.value)") }
        return options.isEmpty ? name : "\(name)?\(options.joined(separator: "&"))"
    }

    /// Decodes the text.
    public init(from decoder: any Decoder) throws {
        try self.init(parsing: decoder.singleValueContainer().decode(String.self))
    }

    /// Encodes the text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
