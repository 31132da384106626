// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import ModelState

/// Writes one checkpoint, block by block.
///
/// A writer that is dropped before it finished leaves nothing behind.
public final class CheckpointWriter {
    /// Where the next bytes go.
    private final class Target {
        let folder: RecyclingFolder
        let claim: RecyclingFolder.Claim
        var offset = 0

        init(_ folder: RecyclingFolder, _ claim: RecyclingFolder.Claim) {
            self.folder = folder
            self.claim = claim
        }

        func append(_ bytes: UnsafeRawBufferPointer) throws(LedgerError) {
            try folder.files.write(bytes, at: offset, to: claim.descriptor, claim.path)
            offset += bytes.count
        }
    }

    private let target: Target
    private let writer: SafetensorsWriter<LedgerError>
    private let name: String
    private let finished: () throws(LedgerError) -> Void
    private var isFinished = false

    init(
        folder: RecyclingFolder,
        name: String,
        header: SafetensorsHeader,
        finished: @escaping () throws(LedgerError) -> Void
    ) throws(LedgerError) {
        let target = Target(folder, try folder.claim(byteCount: header.dataByteCount))
        do throws(LedgerError) {
            writer = try SafetensorsWriter(header: header) { (bytes) throws(LedgerError) in try target.append(bytes) }
        } catch {
            folder.giveBack(target.claim)
            throw error
        }
        self.target = target
        self.name = name
        self.finished = finished
    }

    deinit {
        if !isFinished { target.folder.giveBack(target.claim) }
    }

    /// Appends the model's next elements.
    ///
    /// - Precondition: no more elements than the layout has.
    /// - Throws: ``LedgerError`` when the disk refuses; the checkpoint is to be given up then.
    public func append(_ block: UnsafeBufferPointer<Float>) throws(LedgerError) {
        precondition(!isFinished, "the checkpoint is finished")
        try writer.append(block)
    }

    /// Completes the checkpoint, which is there under its name from now on, and drops the job's oldest.
    ///
    /// - Precondition: all of the layout's elements were appended, and this was not called before.
    /// - Throws: ``LedgerError`` when the disk refuses; the checkpoint is not there then.
    public func finish() throws(LedgerError) {
        precondition(!isFinished, "the checkpoint is finished")
        try writer.finish()
        // A recycled file may have been longer.
        try target.folder.files.resize(target.claim.descriptor, to: target.offset, target.claim.path)
        try target.folder.publish(target.claim, as: name)
        isFinished = true
        close(target.claim.descriptor)
        // An old checkpoint that cannot be dropped now is dropped with the next one.
        try? finished()
    }
}
