// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import RoundWork
import Rounds

/// Where a simulation keeps what it needs to go on after it was stopped.
///
/// A file `round-000020.checkpoint` is written beside its name and renamed, so it is whole or not there. The two newest
/// are kept.
public final class CheckpointFolder {
    private let path: String
    /// The rounds between two checkpoints.
    public let everyRounds: Int
    /// Whether a run begins after the newest checkpoint.
    public let resumes: Bool

    private static let suffix = ".checkpoint"
    private static let keptFiles = 2

    /// Creates the folder where it is missing.
    ///
    /// - Throws: ``SimulationError`` with code `storageFailed`.
    public init(_ path: String, everyRounds: Int = 10, resumes: Bool = false) throws {
        precondition(everyRounds > 0, "checkpoints are a number of rounds apart")
        self.path = path
        self.everyRounds = everyRounds
        self.resumes = resumes
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw SimulationError(.storageFailed, "the folder '\(path)' for checkpoints cannot be made: \(error)")
        }
    }

    private func files() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.filter { $0.hasSuffix(Self.suffix) && $0.hasPrefix("round-") }.sorted()
    }

    /// The newest checkpoint; nil where there is none.
    ///
    /// - Throws: ``SimulationError`` with code `unusableCheckpoint` for a file that is damaged.
    func newest() throws -> SimulationCheckpoint? {
        guard let name = files().last else { return nil }
        let file = "\(path)/\(name)"
        guard let data = FileManager.default.contents(atPath: file) else {
            throw SimulationError(.unusableCheckpoint, "'\(file)' cannot be read")
        }
        do {
            return try SimulationCheckpoint(PackedState(decoding: ByteSlice(copying: Array(data))), path: file)
        } catch let error as PackedState.DamageError {
            throw SimulationError(
                .unusableCheckpoint,
                "'\(file)' is \(error.description); remove it to go on from the one before"
            )
        }
    }

    /// Writes a checkpoint and removes those that are too old.
    ///
    /// - Throws: ``SimulationError`` with code `storageFailed`.
    func write(_ checkpoint: SimulationCheckpoint) throws {
        let digits = "\(checkpoint.round.value)"
        let name = "round-" + String(repeating: "0", count: max(6 - digits.count, 0)) + digits + Self.suffix
        var bytes: [UInt8] = []
        let packed = try checkpoint.packed()
        bytes.reserveCapacity(packed.byteCount)
        packed.write { bytes.append(contentsOf: $0) }
        do {
            try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"), options: .atomic)
        } catch {
            throw SimulationError(.storageFailed, "the checkpoint '\(path)/\(name)' cannot be written: \(error)")
        }
        for old in files().dropLast(Self.keptFiles) { try? FileManager.default.removeItem(atPath: "\(path)/\(old)") }
    }
}
