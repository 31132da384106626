// SPDX-License-Identifier: Apache-2.0

import Reporting
import Yams

/// A sweep as a file: variants of the scenario (rows of a table) by methods (its columns), each a mapping of settings
/// as `--set` has them.
///
///     seeds: 1..3
///     set: {rounds: 50}
///     variants:
///       IID: {split: iid}
///       skewed: {split: "dirichlet:0.1"}
///     methods:
///       FedAvg: {strategy: fedavg}
///       FedProx:
///         strategy: fedprox
///         for: {skewed: {training.learning_rate: 0.01}}
///         tune: {strategy.settings.proximal_mu: [0.001, 0.01, 0.1]}
///     axes: {clients: [10, 100]}
///     tune: {seeds: [101, 102], budget: 6, validation: 0.2, set: {rounds: 20}, grid: {lr: [0.01, 0.1]}}
struct SweepFile {
    /// Settings with a name.
    struct Variant {
        let name: String
        var settings: [SweepCell.Setting]
    }

    /// A method with what it sets in single variants, and what is tuned.
    struct Method {
        let name: String
        var settings: [SweepCell.Setting] = []
        var perVariant: [String: [SweepCell.Setting]] = [:]
        var grid: [SweepAxis] = []
    }

    /// How methods are tuned.
    struct Tuning {
        /// The seeds of tuning runs.
        var seeds: [UInt64] = []
        /// The most candidates of each method.
        var budget = 0
        /// The share of training samples that candidates are judged by; test samples stay unseen.
        var validation = 0.2
        /// What tuning runs set beside their candidate.
        var settings: [SweepCell.Setting] = []
        /// What is tuned for every method.
        var grid: [SweepAxis] = []
    }

    private(set) var seeds: [UInt64]?
    private(set) var settings: [SweepCell.Setting] = []
    private(set) var variants: [Variant] = []
    private(set) var methods: [Method] = []
    private(set) var axes: [SweepAxis] = []
    private(set) var tuning: Tuning?

    /// The sweep of no file.
    init() {}

    /// Reads a file.
    init(at path: String) throws {
        do {
            try read(SweepMapping(try TextFile.node(at: path), place: ""))
        } catch let error as ReportingError {
            throw Failure(.badInput, "\(path): \(error.message)")
        }
    }

    private mutating func read(_ file: SweepMapping) throws {
        try file.check(known: ["seeds", "set", "variants", "methods", "axes", "tune"])
        seeds = try file.seeds("seeds")
        settings = try file.mapping("set")?.settings() ?? []
        variants =
            try file.mapping("variants")?.parts().map {
                Variant(name: $0.name, settings: try $0.mapping.settings())
            } ?? []
        methods =
            try file.mapping("methods")?.parts().map { name, mapping in
                var method = Method(name: name)
                method.settings = try mapping.settings(except: ["for", "tune"])
                for (variant, own) in try mapping.mapping("for")?.parts() ?? [] {
                    guard variants.contains(where: { $0.name == variant }) else {
                        throw ReportingError(
                            .invalidSweep,
                            "'methods.\(name).for.\(variant)' names no variant of the file"
                        )
                    }
                    method.perVariant[variant] = try own.settings()
                }
                method.grid = try mapping.mapping("tune")?.axes() ?? []
                return method
            } ?? []
        axes = try file.mapping("axes")?.axes() ?? []
        if let part = try file.mapping("tune") { tuning = try Self.tuning(part) }
        guard tuning != nil || methods.allSatisfy(\.grid.isEmpty) else {
            throw ReportingError(.invalidSweep, "methods have grids to tune; the file's own 'tune' must say how")
        }
        for method in methods { _ = try candidates(of: method) }
    }

    private static func tuning(_ part: SweepMapping) throws -> Tuning {
        try part.check(known: ["seeds", "budget", "validation", "set", "grid"])
        var tuning = Tuning()
        guard let seeds = try part.seeds("seeds"), let budget = try part.number("budget").flatMap(Int.init(exactly:)),
            budget >= 1
        else {
            throw ReportingError(
                .invalidSweep,
                "'tune' needs 'seeds' and 'budget', the most candidates of each method, 1 or more"
            )
        }
        tuning.seeds = seeds
        tuning.budget = budget
        tuning.validation = try part.number("validation") ?? tuning.validation
        guard tuning.validation > 0, tuning.validation < 1 else {
            throw ReportingError(.invalidSweep, "'tune.validation' is a share of the samples, between 0 and 1")
        }
        tuning.settings = try part.mapping("set")?.settings() ?? []
        tuning.grid = try part.mapping("grid")?.axes() ?? []
        return tuning
    }

    /// What a method may be tuned to: every combination; one without settings where nothing is tuned.
    ///
    /// - Throws: an error when there are more than the budget.
    func candidates(of method: Method?) throws -> [SweepCell] {
        guard let tuning else { return [SweepCell()] }
        let own = method?.grid ?? []
        let common = tuning.grid.filter { axis in !own.contains { $0.key == axis.key } }
        let candidates = try SweepPlan.product([SweepCell()], own + common)
        guard candidates.count <= tuning.budget else {
            throw ReportingError(
                .invalidSweep,
                "\(method.map { "'\($0.name)'" } ?? "the sweep") has \(candidates.count) candidates, but the budget of "
                    + "'tune' is \(tuning.budget) for every method"
            )
        }
        return candidates
    }

    /// Every combination of variants, methods and axes, without seeds; with the method of each.
    func cells(further: [SweepAxis]) throws -> [(cell: SweepCell, method: Method?)] {
        var cells: [(cell: SweepCell, method: Method?)] = []
        let rows = variants.isEmpty ? [nil] : variants.map { Optional($0) }
        let columns = methods.isEmpty ? [nil] : methods.map { Optional($0) }
        let all = (axes + further).filter { $0.key != "seed" }
        for row in rows {
            var cell = SweepCell(settings: settings)
            if let row {
                cell.labels.append(.init("variant", row.name))
                cell.settings += row.settings
            }
            // Axes stand between rows and columns, so that tables have methods as their columns.
            for one in try SweepPlan.product([cell], all) {
                cells += columns.map { method in
                    guard let method else { return (one, nil) }
                    var own = one
                    own.labels.append(.init("method", method.name))
                    own.settings += method.settings
                    if let row { own.settings += method.perVariant[row.name] ?? [] }
                    return (own, method)
                }
            }
        }
        return cells
    }
}
