// SPDX-License-Identifier: Apache-2.0

import Reporting

/// Finds settings for each method of each row by the same budget: by the mean accuracy on samples held out of the
/// training samples, over the tuning seeds. Test samples are not looked at.
struct SweepTuning {
    /// What was chosen.
    struct Choice {
        /// The cells to run, with what was chosen for them, without seeds.
        let cells: [SweepCell]
        /// Every candidate with its accuracy.
        let table: ResultTable
        /// How it was chosen, in words.
        let note: String
    }

    private struct Candidate {
        /// The number of the cell that is tuned.
        let plan: Int
        let cell: SweepCell
        let own: SweepCell
    }

    /// The runs: candidates with tuning seeds, of those cells that have a choice.
    let cells: [SweepCell]
    private let plan: [SweepCell]
    private let candidates: [Candidate]
    private let tuning: SweepFile.Tuning

    init(_ file: SweepFile, _ tuning: SweepFile.Tuning, _ plan: [(cell: SweepCell, method: SweepFile.Method?)]) throws {
        self.tuning = tuning
        self.plan = plan.map(\.cell)
        var candidates: [Candidate] = []
        for (index, planned) in plan.enumerated() {
            for own in try file.candidates(of: planned.method) {
                var cell = planned.cell
                cell.labels.append(.init("candidate", Self.name(own)))
                cell.settings += own.settings + tuning.settings
                cell.settings.append(.init("validation", "\(tuning.validation)"))
                candidates.append(Candidate(plan: index, cell: cell, own: own))
            }
        }
        self.candidates = candidates
        let counts = Dictionary(grouping: candidates, by: \.plan).mapValues(\.count)
        cells = SweepPlan.seeded(candidates.filter { counts[$0.plan, default: 0] > 1 }.map(\.cell), tuning.seeds)
    }

    private static func name(_ candidate: SweepCell) -> String {
        candidate.labels.isEmpty
            ? "as given" : candidate.labels.map { "\($0.column)=\($0.value)" }.joined(separator: " ")
    }

    /// Chooses for each cell the candidate with the highest mean accuracy, the first of equal ones. One that failed
    /// with any seed is out of the question, unless all did.
    func choose(_ results: SweepResults) -> Choice {
        var summaries: [[SweepCell.Label]: SeedSummary] = [:]
        for group in results.groups where group.finishedCount == group.cellCount {
            summaries[group.labels] = group.runs.summary(SweepResults.Figure.accuracy.value)
        }
        var best: [Int: (index: Int, mean: Double)] = [:]
        for (index, candidate) in candidates.enumerated() {
            let mean = summaries[candidate.cell.labels]?.mean ?? -.infinity
            if mean > best[candidate.plan]?.mean ?? -.infinity || best[candidate.plan] == nil {
                best[candidate.plan] = (index, mean)
            }
        }
        let chosen = plan.indices.map { index in
            var cell = plan[index]
            if let found = best[index] { cell.settings += candidates[found.index].own.settings }
            return cell
        }
        let seeds = tuning.seeds.map(String.init).joined(separator: ", ")
        let note =
            "Tuned: for every row and method, of at most \(tuning.budget) candidates the one with the highest mean "
            + "accuracy on \(Format.decimals(tuning.validation * 100, 0)) % of the training samples, held out, over "
            + "the seeds \(seeds). Test samples were not looked at."
        return Choice(cells: chosen, table: table(summaries, Set(best.values.map(\.index))), note: note)
    }

    private func table(_ summaries: [[SweepCell.Label]: SeedSummary], _ chosen: Set<Int>) -> ResultTable {
        let columns = candidates.first?.cell.labels.map(\.column) ?? []
        let found = candidates.map { summaries[$0.cell.labels] }
        var table = ResultTable(
            columns.enumerated().map { index, name in
                ResultTable.Column(name, .text(candidates.map { $0.cell.labels[index].value }))
            }
        )
        table.append(.init("seeds", .integer(found.map { $0.map { Int64($0.count) } })))
        table.append(.init("validation_accuracy_mean", .real(found.map { $0?.mean })))
        table.append(.init("validation_accuracy_sd", .real(found.map { $0?.deviation })))
        table.append(.init("chosen", .boolean(candidates.indices.map(chosen.contains))))
        return table
    }
}
