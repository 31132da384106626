// SPDX-License-Identifier: Apache-2.0

/// The cells of a sweep: the product of all axes and seeds.
public enum SweepPlan {
    /// The most cells of a sweep.
    private static let limit = 100_000

    /// Every cell with every combination of the axes' values; the first axis changes last.
    ///
    /// - Parameters:
    ///   - cells: what the axes are added to; one empty cell for axes alone.
    ///   - axes: the keys with their values. The key `seed` sets the cells' seeds and is no label.
    /// - Throws: ``ReportingError`` with code `invalidSweep` for a key twice, a seed that is none, too many cells.
    public static func product(_ cells: [SweepCell], _ axes: [SweepAxis]) throws -> [SweepCell] {
        var keys = Set<String>()
        for axis in axes where !keys.insert(axis.key).inserted {
            throw ReportingError(.invalidSweep, "'\(axis.key)' is twice in the sweep; give all its values at once")
        }
        let count = axes.reduce(Double(cells.count)) { $0 * Double($1.values.count) }
        guard count <= Double(limit) else {
            throw ReportingError(.invalidSweep, "the sweep has \(Int(count)) cells; at most \(limit) are run")
        }
        var product = cells
        for axis in axes where axis.key != "seed" {
            product = product.flatMap { cell in
                axis.values.map { value in
                    var next = cell
                    next.labels.append(.init(axis.key, value.name))
                    next.settings.append(.init(axis.key, value.text))
                    return next
                }
            }
        }
        guard let seeds = axes.first(where: { $0.key == "seed" }) else { return product }
        return seeded(product, try Self.seeds(seeds))
    }

    /// Every cell with every seed, seed by seed: each group's first runs come early, and with them its cost is known.
    public static func seeded(_ cells: [SweepCell], _ seeds: [UInt64]) -> [SweepCell] {
        seeds.flatMap { seed in
            cells.map { cell in
                var next = cell
                next.seed = seed
                return next
            }
        }
    }

    /// The seeds of an axis.
    ///
    /// - Throws: ``ReportingError`` with code `invalidSweep` for a value that is no seed.
    public static func seeds(_ axis: SweepAxis) throws -> [UInt64] {
        try axis.values.map { value in
            guard let seed = UInt64(value.text) else {
                throw ReportingError(.invalidSweep, "'\(value.text)' is no seed; seeds are whole numbers, 0 or more")
            }
            return seed
        }
    }
}
