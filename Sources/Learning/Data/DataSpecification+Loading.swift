// SPDX-License-Identifier: Apache-2.0

internal import Randomness

extension DataSpecification {
    /// The bytes up to which a synthetic set is drawn as a whole.
    static let largestSyntheticSet = 1 << 32

    /// Loads the whole source, whatever ``part`` says.
    ///
    /// - Throws: ``LearningError``.
    public func loadWhole() throws -> Dataset {
        let train: SampleTable?
        let test: SampleTable?
        switch source {
        case .glyphs(let samples, let testSamples):
            let glyphs = GlyphSet(seed: seed)
            train = glyphs.table(.train, count: samples)
            test = testSamples > 0 ? glyphs.table(.test, count: testSamples) : nil
        case .synthetic(let set):
            guard set.byteCount <= Self.largestSyntheticSet else {
                throw LearningError(
                    .tooLarge,
                    "data '\(description)' would take \(set.byteCount) bytes as a whole; "
                        + "simulate as many clients as it has, which are drawn round by round, or use fewer"
                )
            }
            train = set.table(of: 0..<set.clients, seed: seed)
            test = set.testTable(seed: seed)
        case .idx(let path):
            (train, test) = try IDXReader.read(folder: path)
        case .npz(let path):
            (train, test) = try NPZReader.read(path)
        case .csv(let path, let options):
            let reader = CSVReader(
                label: options.label,
                client: options.client,
                skipped: options.skipped,
                isBinary: options.isBinary,
                standardizes: options.standardizes,
                testFraction: testFraction ?? 0.2,
                seed: seed
            )
            (train, test) = try reader.read(path)
        case .text(let path, let length, let stride):
            let reader = TextReader(length: length, stride: stride, testFraction: testFraction ?? 0.2)
            (train, test) = try reader.read(path)
        }
        guard let train, test == nil else { return prepared(train, test) }
        let fraction: Double =
            switch source {
            case .npz: testFraction ?? 0.2
            case .idx: testFraction ?? 0
            case .glyphs, .synthetic, .csv, .text: 0
            }
        let (kept, heldOut) = HoldOut.split(train, fraction: fraction, seed: seed)
        return prepared(kept, heldOut)
    }

    /// Takes labels away from some samples of a source, all of whose labels are given.
    private func hiding(_ table: SampleTable, _ indices: ArraySlice<UInt32>, _ labels: [Int32]) -> SampleTable {
        guard let hiddenLabels else { return table }
        let kept = hiddenLabels.kept(labels: labels, seed: seed)
        return table.labelled(indices.map { kept[Int($0)] })
    }

    /// Leaves out training samples beyond the limit, and takes labels away.
    private func prepared(_ train: SampleTable?, _ test: SampleTable?) -> Dataset {
        var train = train
        if let table = train, let limit, limit < table.count {
            var generator = SeededGenerator(seed: seed.deriving("limit"))
            train = table.compacted(generator.sample(limit, of: table.count).sorted().map { UInt32($0) })
        }
        if let table = train, let hiddenLabels {
            train = table.labelled(hiddenLabels.kept(labels: table.labels, seed: seed))
        }
        return Dataset(name: description, train: train, test: test)
    }

    /// Loads only the client's ``part``: its samples to train on by the split, and its share of the samples to test on.
    ///
    /// The test samples are dealt as the training samples are
    /// (``DataSplit/testPartition(labels:trainLabels:clientCount: seed:naturalClients:)``): outcomes summed over all
    /// parts equal the outcome on the whole. Without a part this is the whole source. Glyphs of other parts are never
    /// drawn.
    ///
    /// - Throws: ``LearningError``.
    public func load() throws -> Dataset {
        guard let part else { return try loadWhole() }
        if case .glyphs(let samples, let testSamples) = source {
            let glyphs = GlyphSet(seed: seed)
            let labels = glyphs.labels(.train, count: samples)
            let partition = try split.partition(labels: labels, clientCount: part.count, seed: seed)
            let mine = partition[part.number - 1]
            let test = try split.testPartition(
                labels: glyphs.labels(.test, count: testSamples),
                trainLabels: labels,
                clientCount: part.count,
                seed: seed
            )
            return Dataset(
                name: description,
                train: hiding(glyphs.table(.train, mine), mine, labels),
                test: testSamples > 0 ? glyphs.table(.test, test[part.number - 1]) : nil
            )
        }
        let whole = try loadWhole()
        let train = try whole.train.map { table in
            let partition = try split.partition(
                labels: table.labels,
                clientCount: part.count,
                seed: seed,
                naturalClients: table.clients
            )
            return table.compacted(partition[part.number - 1])
        }
        let test = try whole.test.map { table in
            let partition = try split.testPartition(
                labels: table.labels,
                trainLabels: whole.train?.labels ?? [],
                clientCount: part.count,
                seed: seed,
                naturalClients: table.clients
            )
            return table.compacted(partition[part.number - 1])
        }
        return Dataset(name: description, train: train, test: test)
    }
}
