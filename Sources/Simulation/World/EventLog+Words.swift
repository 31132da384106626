// SPDX-License-Identifier: Apache-2.0

import Rounds

// Every input and message as one word for the event log: what it is, about which update, how large.

extension UpdateKey {
    var logWord: UInt64 {
        WordHash.mix(WordHash.of(agent.name), job.number << 32 | UInt64(round.value), UInt64(attempt))
    }
}

extension AgentMessage {
    var logWord: UInt64 {
        switch self {
        case .hello(let hello): WordHash.mix(1, hello.incarnation, WordHash.of(hello.agent))
        case .heartbeat: 2
        case .blobRequest(let request): WordHash.mix(3, request.digest.low, UInt64(request.offset))
        case .progress(let progress): WordHash.mix(4, progress.key.logWord, progress.steps)
        case .offer(let offer): WordHash.mix(5, offer.key.logWord, offer.digest.low)
        case .chunk(let chunk): WordHash.mix(6, chunk.transfer, UInt64(chunk.offset))
        case .evaluation(let report): WordHash.mix(7, UInt64(report.round.value), report.outcome.correctCount)
        case .taskFailed(let failure): WordHash.mix(8, failure.key.logWord, UInt64(failure.reason.rawValue))
        case .goodbye(let goodbye): WordHash.mix(9, UInt64(goodbye.reason.rawValue), 0)
        case .operatorRequest: 10
        case .streamReport(let report): WordHash.mix(11, report.answered, report.awaitedSequence)
        case .sampleOffer(let offer): WordHash.mix(12, offer.sequence, offer.digest.low)
        }
    }
}

extension CoordinatorMessage {
    var logWord: UInt64 {
        switch self {
        case .welcome: 1
        case .heartbeat: 2
        case .train(let task): WordHash.mix(3, task.key.logWord, task.base.digest.low)
        case .evaluate(let task): WordHash.mix(4, UInt64(task.base.round.value), task.base.digest.low)
        case .chunk(let chunk): WordHash.mix(5, chunk.transfer, UInt64(chunk.offset))
        case .uploadRequest(let request): WordHash.mix(6, request.key.logWord, UInt64(request.offset))
        case .verdict(let verdict): WordHash.mix(7, verdict.key.logWord, UInt64(verdict.reason.rawValue))
        case .roundCommitted(let committed): WordHash.mix(8, committed.job.number, UInt64(committed.round.value))
        case .cancel(let cancellation): WordHash.mix(9, cancellation.key.logWord, 0)
        case .goodbye(let goodbye): WordHash.mix(10, UInt64(goodbye.reason.rawValue), 0)
        case .operatorReply: 11
        case .stream(let task): WordHash.mix(12, task.job.number, task.keptSequence)
        case .sampleRequest(let request): WordHash.mix(13, request.sequence, UInt64(request.offset))
        case .sampleVerdict(let verdict): WordHash.mix(14, verdict.sequence, UInt64(verdict.reason.rawValue))
        case .adaptation(let push): WordHash.mix(15, push.sequence, UInt64(push.version))
        case .streamEnd(let end): WordHash.mix(16, end.job.number, UInt64(end.reason.rawValue))
        case .samplesPurged(let receipt): WordHash.mix(17, receipt.lastSequence, receipt.number)
        }
    }
}

extension CoordinatorInput {
    var logWord: UInt64 {
        switch self {
        case .opened(let connection, _): WordHash.mix(1, connection.value, 0)
        case .received(let connection, let message): WordHash.mix(2, connection.value, message.logWord)
        case .malformed(let connection, _, _): WordHash.mix(3, connection.value, 0)
        case .closed(let connection, _): WordHash.mix(4, connection.value, 0)
        case .recorded: 5
        case .recordFailed: 6
        case .job(let job, .folded(let prepared)): WordHash.mix(7, job.number, prepared.modelDigest.low)
        case .job(let job, _): WordHash.mix(8, job.number, 0)
        case .spoolOpened(let key, _, let held): WordHash.mix(9, key.logWord, UInt64(held))
        case .spoolFailed(let key, _, _): WordHash.mix(10, key.logWord, 0)
        case .checked(let key, let digest, _): WordHash.mix(11, key.logWord, digest.low)
        case .sentBytes(_, _, let count): WordHash.mix(12, UInt64(count), 0)
        case .durable(let job, let round): WordHash.mix(13, job.number, UInt64(round.value))
        case .timer: 14
        case .shutdown: 15
        case .adaptation(let job, .learnt(let learnt)): WordHash.mix(16, job.number, learnt.key.sequence)
        case .adaptation(let job, _): WordHash.mix(17, job.number, 0)
        }
    }
}

extension AgentInput {
    var logWord: UInt64 {
        switch self {
        case .start: 1
        case .connected: 2
        case .connectFailed: 3
        case .disconnected: 4
        case .received(let message): WordHash.mix(5, message.logWord, 0)
        case .malformed: 6
        case .modelChecked(let digest, let isValid): WordHash.mix(7, digest.low, isValid ? 1 : 0)
        case .trained(let offer): WordHash.mix(8, offer.key.logWord, offer.digest.low)
        case .trainingFailed(let key, _, _): WordHash.mix(9, key.logWord, 0)
        case .progressed: 10
        case .evaluated(let job, let round, _): WordHash.mix(11, job.number, UInt64(round.value))
        case .evaluationFailed: 12
        case .timer: 13
        case .stop: 14
        case .samplesReady(let offer): WordHash.mix(15, offer.sequence, offer.digest.low)
        case .streamReported(let report): WordHash.mix(16, report.answered, report.sent)
        }
    }
}
