// SPDX-License-Identifier: Apache-2.0

import Reporting
import Simulation

/// Runs cells as processes of this same program, so many at a time that their threads are the cores.
///
/// A process for each: one that crashes takes no other along, and memory is measured apart.
final class SweepRunner {
    private let folder: SweepFolder
    private let jobs: Int
    private let threads: Int
    private let interruption: Interruption
    private let display: SweepDisplay
    private let clock = ContinuousClock()
    private(set) var resumedCount = 0

    private struct Running {
        let job: SweepScenario.Job
        let process: ChildProcess
        let begin: ContinuousClock.Instant
    }

    /// Prepares.
    ///
    /// - Parameters:
    ///   - jobs: cells at the same time; 0 for one a thread.
    ///   - threads: threads of all cells together; 0 for one a core.
    init(_ folder: SweepFolder, jobs: Int, threads: Int, interruption: Interruption, isQuiet: Bool) {
        self.folder = folder
        let all = threads > 0 ? threads : ProcessorCount.available
        self.jobs = jobs > 0 ? jobs : all
        self.threads = max(all / self.jobs, 1)
        self.interruption = interruption
        display = SweepDisplay(isQuiet: isQuiet)
    }

    /// Runs the cells that are not finished.
    ///
    /// - Parameter title: what the display calls them.
    /// - Returns: all cells in their order.
    /// - Throws: a failure when the sweep is interrupted; what is finished is kept.
    func run(_ cells: [SweepScenario.Job], title: String) async throws -> [SweepResults.Entry] {
        var records: [String: RunRecord] = [:]
        var known = Set<String>()
        // Different settings may make the same scenario: it runs once.
        let distinct = cells.filter { known.insert($0.identifier).inserted }
        for job in distinct { records[job.identifier] = folder.finished(job) }
        resumedCount += records.count
        let pending = distinct.filter { records[$0.identifier] == nil }
        display.begin(title, cells: distinct.count, finished: records.count)
        for (job, record) in try await run(pending) { records[job.identifier] = record }
        display.end()
        return cells.map { SweepResults.Entry(cell: $0.cell, run: records[$0.identifier]) }
    }

    private func run(_ cells: [SweepScenario.Job]) async throws -> [(SweepScenario.Job, RunRecord?)] {
        var pending = cells[...]
        var running: [Running] = []
        var done: [(SweepScenario.Job, RunRecord?)] = []
        var estimate = SweepEstimate()
        while !pending.isEmpty || !running.isEmpty {
            if interruption.hasHappened {
                for one in running { one.process.stop() }
                display.end()
                throw Failure(.jobCancelled, "interrupted; the same command goes on with what is in '\(folder.path)'")
            }
            while running.count < jobs, let next = pending.popFirst() { running.append(try start(next)) }
            for index in running.indices.reversed() {
                let one = running[index]
                guard let code = one.process.exitCode else { continue }
                running.remove(at: index)
                let record = folder.record(one.job)
                let seconds = Format.number(clock.now - one.begin)
                estimate.finished(group: one.job.cell.groupName, seconds: seconds)
                done.append((one.job, record))
                let trouble = record == nil ? "ended with \(code): \(folder.lastWords(one.job))" : nil
                display.finished(one.job.cell, record, seconds: seconds, trouble: trouble)
            }
            let elapsed = running.map { ($0.job.cell.groupName, Format.number(clock.now - $0.begin)) }
            let groups = pending.map(\.cell.groupName)
            display.progress(remaining: estimate.remaining(pending: groups, running: elapsed, jobs: jobs))
            if !running.isEmpty { try await Task.sleep(for: .milliseconds(10)) }
        }
        return done
    }

    private func start(_ job: SweepScenario.Job) throws -> Running {
        try folder.prepare(job)
        let process = try ChildProcess(
            [
                "simulate", folder.scenarioPath(job), "--quiet", "--json", "--threads", "\(threads)",
                "--record", folder.recordPath(job),
            ],
            log: folder.logPath(job)
        )
        return Running(job: job, process: process, begin: clock.now)
    }
}
