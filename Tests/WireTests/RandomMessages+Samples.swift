// SPDX-License-Identifier: Apache-2.0
import ModelState
import Rounds

@testable import Wire

extension RandomMessages {
    mutating func sequence() -> UInt64 { max(1, total()) }

    mutating func report() -> StreamReport {
        var report = StreamReport(job: job())
        report.answered = total()
        report.labelled = min(total(), report.answered)
        report.correct = min(total(), report.labelled)
        report.uncertainty = number()
        report.chosen = total()
        report.sent = total()
        report.version = UInt32(truncatingIfNeeded: word())
        report.rollbacks = total()
        report.environments = total()
        report.awaitedSequence = total()
        report.isOver = flip()
        for _ in 0..<listCount() { report.withheld[text()] = total() }
        return report
    }

    mutating func streamTask() throws -> StreamTask {
        StreamTask(
            job: job(),
            name: text(),
            base: reference(),
            model: model(),
            layout: try layout(),
            plan: text(),
            seed: word(),
            keptSequence: total()
        )
    }

    mutating func push() -> AdaptationPush {
        guard flip() else { return AdaptationPush(job: job(), sequence: total()) }
        let data = (0...size(Limits.adaptationBytes - 1)).map { UInt8(truncatingIfNeeded: $0) }
        let version = max(1, UInt32(truncatingIfNeeded: word()))
        return AdaptationPush(job: job(), sequence: total(), version: version, digest: digest(), data: data)
    }

    mutating func receipt() -> PurgeReceipt {
        PurgeReceipt(
            job: job(),
            agent: key().agent,
            number: sequence(),
            lastSequence: total(),
            batchCount: total(),
            sampleCount: total(),
            byteCount: total(),
            digest: digest()
        )
    }

    mutating func holding() -> SampleHolding {
        SampleHolding(
            job: job(),
            agent: key().agent,
            batchCount: total(),
            sampleCount: total(),
            byteCount: total(),
            lastSequence: total()
        )
    }
}
