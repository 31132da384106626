// SPDX-License-Identifier: Apache-2.0

/// What an adaptation job knows of one device.
struct DeviceRecord: Sendable {
    /// A batch on its way.
    struct Upload: Sendable {
        enum State: Sendable, Equatable {
            /// Its bytes arrive.
            case receiving(transfer: UInt64)
            /// Its device is away; what arrived waits for it.
            case suspended
            /// It is brought to stable storage.
            case storing
            /// The journal is told.
            case recording
        }

        let offer: SampleOffer
        var state: State
        var bytes: [UInt8] = []
    }

    /// Its batches that are held, by sequence.
    var kept: [UInt64: KeptSamples] = [:]
    /// The last batch that was accepted, held or deleted.
    var lastSequence: UInt64 = 0
    /// The last batch that was learnt from, or that nothing could be learnt from.
    var answeredSequence: UInt64 = 0
    var upload: Upload?
    var report: StreamReport?
    /// Whether it was not heard of since it connected: it may have missed updates.
    var isFresh = true
    /// The newest update of each environment.
    var pushes: [UInt32: AdaptationPush] = [:]
    var receipts: [PurgeReceipt] = []
    /// A receipt on its way to the journal; nothing is accepted meanwhile.
    var isPurging = false
    /// The bytes accepted since the day began, and when that was.
    var day: (began: Instant, bytes: Int)?

    /// Whether there is something to delete, or a receipt of what was deleted.
    var hasHeldSamples: Bool { !kept.isEmpty || !receipts.isEmpty }

    /// How often its samples were deleted.
    var generation: UInt32 { UInt32(receipts.count) }

    /// Whether its stream is over and all that it sent was answered.
    var isDone: Bool { report?.isOver == true && upload == nil && answeredSequence >= lastSequence && !isPurging }

    /// Whether so many bytes more are within a day's allowance; then they are counted.
    mutating func takes(_ bytes: Int, of allowance: Int?, _ now: Instant) -> Bool {
        guard let allowance else { return true }
        var today = day ?? (now, 0)
        if now >= today.began.advanced(by: .seconds(86_400)) { today = (now, 0) }
        let (sum, overflows) = today.bytes.addingReportingOverflow(bytes)
        day = today
        guard !overflows, sum <= allowance else { return false }
        day?.bytes = sum
        return true
    }

    func holding(_ job: JobID, _ agent: AgentID) -> SampleHolding {
        SampleHolding(
            job: job,
            agent: agent,
            batchCount: UInt64(kept.count),
            sampleCount: kept.values.reduce(0) { $0 + UInt64($1.sampleCount) },
            byteCount: kept.values.reduce(0) { $0 + UInt64($1.byteCount) },
            lastSequence: lastSequence
        )
    }
}
