// SPDX-License-Identifier: Apache-2.0

internal import Glibc
public import Rounds

/// What a round leaves behind beside its model: what the strategy remembers, the coded parts that agents hold. It lies
/// in a file next to the checkpoint and is kept, synced and dropped with it.
extension CheckpointStore {
    static let stateSuffix = ".state"

    static func stateName(_ round: RoundNumber) -> String { name(round) + stateSuffix }

    /// Writes a round's state, in place of one that is there; to be called before the round's checkpoint is finished.
    ///
    /// - Parameters:
    ///   - byteCount: about how many bytes will come.
    ///   - write: called once, to append the bytes.
    /// - Throws: ``LedgerError`` when the disk refuses.
    public func writeState(
        _ job: JobID,
        _ round: RoundNumber,
        byteCount: Int,
        write: ((UnsafeRawBufferPointer) throws(LedgerError) -> Void) throws(LedgerError) -> Void
    ) throws(LedgerError) {
        let folder = try folder(job)
        let claim = try folder.claim(byteCount: byteCount)
        do throws(LedgerError) {
            var offset = 0
            try write { (bytes) throws(LedgerError) in
                try folder.files.write(bytes, at: offset, to: claim.descriptor, claim.path)
                offset += bytes.count
            }
            try folder.files.resize(claim.descriptor, to: offset, claim.path)
            try folder.publish(claim, as: Self.stateName(round))
        } catch {
            folder.giveBack(claim)
            throw error
        }
        close(claim.descriptor)
    }

    /// The bytes of a round's state; nil where it has none.
    ///
    /// - Throws: ``LedgerError`` when the file cannot be read.
    public func readState(_ job: JobID, _ round: RoundNumber) throws(LedgerError) -> [UInt8]? {
        let folder = try folder(job)
        guard folder.contains(Self.stateName(round)) else { return nil }
        let lease = try folder.lease(Self.stateName(round))
        var bytes = [UInt8](repeating: 0, count: try FileCalls.size(lease.descriptor, lease.path))
        try bytes.withUnsafeMutableBufferPointer { (bytes) throws(LedgerError) in
            try lease.read(at: 0, into: UnsafeMutableRawBufferPointer(bytes))
        }
        return bytes
    }
}
