// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Applies a linear map between updates to one block of coordinates, for rules that need the mixed values themselves.
final class BlockMixer {
    private let rowCount: Int
    private let columnCount: Int
    private let starts: [UInt32]
    private let columns: [UInt32]
    private let weights: [Double]
    private let scales: [Double]
    private let isUnit: [UInt8]
    private let capacity: Int
    private let values: AlignedBuffer<Float>
    private let wide: AlignedBuffer<Double>
    private let targets: AlignedBuffer<UnsafeMutablePointer<Float>?>
    private let mixed: AlignedBuffer<UnsafePointer<Float>?>

    init(_ mixing: Mixing, plan: BlockPlan, workerCount: Int) {
        rowCount = mixing.rowCount
        columnCount = mixing.columnCount
        var starts: [UInt32] = [0]
        for row in mixing.rows { starts.append((starts.last ?? 0) + UInt32(row.count)) }
        self.starts = starts
        columns = mixing.rows.flatMap { $0.map { UInt32($0.column) } }
        weights = mixing.rows.flatMap { $0.map(\.weight) }
        // A row with equal weights is a scaled sum, which spares a multiplication for each value.
        isUnit = mixing.rows.map { row in row.allSatisfy { $0.weight == row.first?.weight } ? 1 : 0 }
        scales = zip(mixing.rows, isUnit).map { row, unit in unit == 1 ? row.first?.weight ?? 0 : 1 }
        capacity = (plan.maximumBlockElements + 15) / 16 * 16
        values = AlignedBuffer(count: mixing.rowCount * capacity * workerCount)
        wide = AlignedBuffer(count: mixing.columnCount * Int(CK_WIDE_CHUNK) * workerCount)
        targets = AlignedBuffer(count: mixing.rowCount * workerCount)
        mixed = AlignedBuffer(count: mixing.rowCount * workerCount)
        for index in 0..<targets.count {
            (targets.base + index).initialize(to: values.base + index * capacity)
            (mixed.base + index).initialize(to: UnsafePointer(values.base + index * capacity))
        }
    }

    /// The mixed rows of a block, valid until the worker's next call.
    func mix(_ rows: RowReader.Rows, length: Int, worker: Int) -> RowReader.Rows {
        mix(rows, length: length, worker: worker, into: targets.slice(worker * rowCount, rowCount))
        return RowReader.Rows(mixed.slice(worker * rowCount, rowCount))
    }

    /// Writes the mixed rows of a block to the given memory.
    func mix(
        _ rows: RowReader.Rows,
        length: Int,
        worker: Int,
        into targets: UnsafeMutableBufferPointer<UnsafeMutablePointer<Float>?>
    ) {
        ck_mix(
            targets.baseAddress,
            rowCount,
            rows.baseAddress,
            columnCount,
            length,
            starts,
            columns,
            weights,
            scales,
            isUnit,
            wide.base + worker * columnCount * Int(CK_WIDE_CHUNK)
        )
    }
}
