// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import Reporting

/// The folder of a sweep: one file for each finished cell, so that an interrupted sweep goes on where it was.
///
///     sweep.json            the scenario that all cells share
///     cells/ID.yaml         a cell's whole scenario, which `simulate` runs alone
///     cells/ID.json         what is kept of its run, complete or not there
///     cells/ID.log          what its process had to say
final class SweepFolder {
    let path: String
    private let reuses: Bool
    private let lock: Int32

    private struct Manifest: Codable {
        var version = 1
        var scenario: String
        var file: String
    }

    /// Opens or makes a folder.
    ///
    /// - Parameter resumes: false runs every cell anew; nil and true keep what is finished, true of any folder that
    ///   holds a sweep of this scenario.
    /// - Throws: a failure when the folder holds something else, a sweep of another scenario, or one that is running.
    init(_ path: String, scenario: SweepScenario, resumes: Bool) throws {
        self.path = path
        reuses = resumes
        let manifest = "\(path)/sweep.json"
        do {
            let isThere = FileManager.default.fileExists(atPath: path)
            let content = isThere ? try FileManager.default.contentsOfDirectory(atPath: path) : []
            if let data = FileManager.default.contents(atPath: manifest) {
                guard let known = try? JSONDecoder().decode(Manifest.self, from: data), known.version == 1 else {
                    throw Failure(.badInput, "'\(manifest)' is no sweep of this version; give another --sweep-dir")
                }
                guard known.scenario == scenario.identifier else {
                    throw Failure(
                        .badInput,
                        "'\(path)' holds a sweep of another scenario (\(known.file), or what it was before it was "
                            + "changed); give another --sweep-dir, or remove the folder"
                    )
                }
            } else if !content.isEmpty {
                throw Failure(.badInput, "'\(path)' is not empty and no sweep's folder; give another --sweep-dir")
            }
            try FileManager.default.createDirectory(atPath: "\(path)/cells", withIntermediateDirectories: true)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.storage, "the folder '\(path)' cannot be used: \(error)")
        }
        lock = open("\(path)/cells", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw Failure(.badInput, "another sweep works in '\(path)'; wait for it, or give another --sweep-dir")
        }
        let text = try Format.json(Manifest(scenario: scenario.identifier, file: scenario.path))
        try OutputFile.write(text + "\n", to: manifest)
    }

    deinit { if lock >= 0 { close(lock) } }

    /// What is kept of a cell that finished in an earlier sweep.
    func finished(_ job: SweepScenario.Job) -> RunRecord? { reuses ? record(job) : nil }

    /// What is kept of a cell.
    func record(_ job: SweepScenario.Job) -> RunRecord? {
        FileManager.default.contents(atPath: recordPath(job))
            .flatMap { try? JSONDecoder().decode(RunRecord.self, from: $0) }
    }

    /// Makes ready for a cell's run: what an earlier one left goes.
    func prepare(_ job: SweepScenario.Job) throws {
        for old in [recordPath(job), logPath(job)] { unlink(old) }
        try OutputFile.write(job.text, to: scenarioPath(job))
    }

    func scenarioPath(_ job: SweepScenario.Job) -> String { "\(path)/cells/\(job.identifier).yaml" }
    func recordPath(_ job: SweepScenario.Job) -> String { "\(path)/cells/\(job.identifier).json" }
    func logPath(_ job: SweepScenario.Job) -> String { "\(path)/cells/\(job.identifier).log" }

    /// The last line that a cell's process wrote.
    func lastWords(_ job: SweepScenario.Job) -> String {
        let log = FileManager.default.contents(atPath: logPath(job)) ?? Data()
        return String(decoding: log, as: UTF8.self).split(separator: "\n").last.map(String.init) ?? "no word"
    }
}
