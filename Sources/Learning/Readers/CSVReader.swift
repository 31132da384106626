// SPDX-License-Identifier: Apache-2.0

internal import Randomness

/// Reads a CSV file, or a folder of CSV files that are one natural client each, as a data set.
struct CSVReader {
    var label: String?
    var client: String?
    var skipped: [String]
    var isBinary: Bool
    var standardizes: Bool
    var testFraction: Double
    var seed: Seed

    /// Rows of all files together, missing values still NaN.
    private struct Rows {
        var features: [Float] = []
        /// -1 for rows without a label.
        var labels: [Int32] = []
        var clients: [Int32] = []
        var width = 0
    }

    /// The tables of a file or folder; the test table is nil where nothing is held out.
    ///
    /// A row whose label is missing has none, and is never held out. Missing values become the column's mean; with
    /// `standardizes` each column is then shifted and scaled to mean 0 and standard deviation 1. Both use the training
    /// rows only.
    ///
    /// - Throws: ``LearningError``.
    func read(_ path: String) throws -> (train: SampleTable?, test: SampleTable?) {
        var rows = Rows()
        if DataFile.isFolder(path) {
            let names = try DataFile.names(in: path).filter { $0.hasSuffix(".csv") || $0.hasSuffix(".data") }
            guard !names.isEmpty else {
                throw LearningError(.missingData, "\(path) has no files that end in .csv or .data; give their folder")
            }
            guard client == nil else {
                throw LearningError(.invalidSpecification, "in a folder each file is a client: leave client= out")
            }
            for (index, name) in names.enumerated() {
                try append("\(path)/\(name)", client: Int32(index), to: &rows)
            }
        } else {
            try append(path, client: nil, to: &rows)
        }
        let hasClients = DataFile.isFolder(path) || client != nil
        let drawn = HoldOut.split(
            clients: hasClients ? rows.clients : [Int32](repeating: 0, count: rows.labels.count),
            fraction: testFraction,
            seed: seed
        )
        let (train, test) = HoldOut.returning(drawn) { rows.labels[$0] < 0 }
        guard !train.isEmpty else {
            throw LearningError(
                .missingData,
                "\(path) has too few rows to hold \(testFraction) of them out; lower test="
            )
        }
        normalize(&rows, train: train)
        let all = SampleTable(
            floats: rows.features,
            shape: [rows.width],
            labels: rows.labels.map { max($0, 0) },
            clients: hasClients ? rows.clients : nil
        )
        .labelled(rows.labels.map { $0 >= 0 })
        return (all.compacted(train), test.isEmpty ? nil : all.compacted(test))
    }

    private func append(_ path: String, client fixed: Int32?, to rows: inout Rows) throws {
        let table = try CSVTable(try DataFile.read(path), name: path)
        let labelColumn = try label.map { try table.column($0, name: path) } ?? table.columnCount - 1
        let clientColumn = try client.map { try table.column($0, name: path) }
        var left = Set(try skipped.map { try table.column($0, name: path) })
        left.insert(labelColumn)
        if let clientColumn { left.insert(clientColumn) }
        let kept = (0..<table.columnCount).filter { !left.contains($0) }
        guard !kept.isEmpty, rows.width == 0 || rows.width == kept.count else {
            throw LearningError(
                .malformedFile,
                "\(path) has \(kept.count) columns of features where \(max(rows.width, 1)) are needed"
            )
        }
        rows.width = kept.count
        for row in 0..<table.rowCount {
            let cells = table.cells[(row * table.columnCount)..<((row + 1) * table.columnCount)]
            rows.labels.append(try labelValue(cells[cells.startIndex + labelColumn], row: row, path: path))
            if let fixed {
                rows.clients.append(fixed)
            } else if let clientColumn {
                let value = cells[cells.startIndex + clientColumn]
                guard let number = Int32(exactly: value), number >= 0 else {
                    throw LearningError(
                        .malformedFile,
                        "\(path) row \(row): client \(value) is not a whole number from 0; number the clients"
                    )
                }
                rows.clients.append(number)
            }
            for column in kept { rows.features.append(cells[cells.startIndex + column]) }
        }
    }

    private func labelValue(_ value: Float, row: Int, path: String) throws -> Int32 {
        // An empty cell: nobody labelled the row.
        guard !value.isNaN else { return -1 }
        if isBinary { return value > 0 ? 1 : 0 }
        guard let label = Int32(exactly: value), label >= 0 else {
            throw LearningError(
                .labelOutOfRange,
                "\(path) row \(row) has the label \(value); labels are whole numbers from 0: "
                    + "set label=COLUMN or binary=1"
            )
        }
        return label
    }

    private func normalize(_ rows: inout Rows, train: [UInt32]) {
        for column in 0..<rows.width {
            var sum = 0.0
            var squares = 0.0
            var count = 0.0
            for row in train {
                let value = Double(rows.features[Int(row) * rows.width + column])
                guard !value.isNaN else { continue }
                sum += value
                count += 1
            }
            let mean = count > 0 ? sum / count : 0
            for row in train {
                let value = Double(rows.features[Int(row) * rows.width + column])
                guard !value.isNaN else { continue }
                squares += (value - mean) * (value - mean)
            }
            // Missing values count as the mean, so they take part in the deviation with zero.
            let deviation = (squares / Double(max(train.count, 1))).squareRoot()
            for row in 0..<rows.labels.count {
                let at = row * rows.width + column
                let value = rows.features[at].isNaN ? mean : Double(rows.features[at])
                rows.features[at] = Float(standardizes ? (value - mean) / (deviation > 0 ? deviation : 1) : value)
            }
        }
    }
}
