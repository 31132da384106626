// SPDX-License-Identifier: Apache-2.0

extension AgentCore {
    // MARK: - The stream's task

    mutating func streamAsked(_ task: StreamTask, _ now: Instant, _ actions: inout [AgentAction]) {
        if let running = stream.task, running.job != task.job {
            let text = "\(task.job) wants this stream, which \(running.job) has; it is not answered"
            return actions.append(.log(LogLine(.warning, text)))
        }
        for offer in stream.pending where offer.job == task.job && offer.sequence <= task.keptSequence {
            settle(SampleVerdict(job: offer.job, sequence: offer.sequence, isAccepted: true), &actions)
        }
        stream.offered = nil
        stream.retryAt = nil
        if stream.task == nil {
            stream.task = task
            tasks.add(task)
            pump(now, &actions)
        } else if stream.report != nil {
            sendReport(now, &actions)
        }
        offerSamples(now, &actions)
    }

    mutating func streamEnded(_ end: StreamEnd, _ now: Instant, _ actions: inout [AgentAction]) {
        guard stream.task?.job == end.job else { return }
        stream = StreamState(pending: stream.pending.filter { $0.job != end.job })
        tasks.removeStream(end.job)
        actions.append(.endStream(end))
        pump(now, &actions)
    }

    // MARK: - Reports

    mutating func reported(_ report: StreamReport, _ now: Instant, _ actions: inout [AgentAction]) {
        guard stream.task?.job == report.job else { return }
        stream.report = report
        sendReport(now, &actions)
    }

    /// A stream is over for the coordinator once all that was chosen of it was taken.
    private mutating func sendReport(_ now: Instant, _ actions: inout [AgentAction]) {
        guard isOnline, var report = stream.report else { return }
        report.isOver = report.isOver && !stream.hasPending
        send(.streamReport(report), now, &actions)
    }

    // MARK: - Samples

    mutating func samplesReady(_ offer: SampleOffer, _ now: Instant, _ actions: inout [AgentAction]) {
        stream.pending.append(offer)
        offerSamples(now, &actions)
    }

    mutating func offerSamples(_ now: Instant, _ actions: inout [AgentAction]) {
        guard isOnline, let next = stream.next else { return }
        stream.offered = next.sequence
        send(.sampleOffer(next), now, &actions)
    }

    mutating func offerSamplesDue(_ now: Instant, _ actions: inout [AgentAction]) {
        guard let retryAt = stream.retryAt, now >= retryAt else { return }
        stream.retryAt = nil
        offerSamples(now, &actions)
    }

    mutating func samplesRequested(_ request: SampleRequest, _ actions: inout [AgentAction]) {
        guard
            let offer = stream.pending.first(where: { $0.job == request.job && $0.sequence == request.sequence }),
            request.offset >= 0, request.offset < offer.byteCount
        else { return }
        actions.append(.sendSamples(offer, transfer: request.transfer, offset: request.offset))
    }

    mutating func samplesJudged(_ verdict: SampleVerdict, _ now: Instant, _ actions: inout [AgentAction]) {
        guard stream.pending.contains(where: { $0.job == verdict.job && $0.sequence == verdict.sequence }) else {
            return
        }
        if stream.offered == verdict.sequence { stream.offered = nil }
        if verdict.isTemporary {
            stream.retryAt = now.advanced(by: Self.storageRetry)
            return
        }
        if !verdict.isAccepted {
            let text = verdict.message.isEmpty ? "" : ": \(verdict.message)"
            let line = "samples \(verdict.job)/\(verdict.sequence) were refused: \(verdict.reason)\(text)"
            actions.append(.log(LogLine(.warning, line)))
        }
        settle(verdict, &actions)
        if stream.report?.isOver == true, !stream.hasPending { sendReport(now, &actions) }
        offerSamples(now, &actions)
    }

    private mutating func settle(_ verdict: SampleVerdict, _ actions: inout [AgentAction]) {
        stream.pending.removeAll { $0.job == verdict.job && $0.sequence == verdict.sequence }
        actions.append(.settleSamples(verdict))
    }

    mutating func samplesPurged(_ receipt: PurgeReceipt, _ now: Instant, _ actions: inout [AgentAction]) {
        guard receipt.agent == configuration.agent else { return }
        actions.append(.samplesPurged(receipt))
        for offer in stream.pending where offer.job == receipt.job && offer.sequence <= receipt.lastSequence {
            settle(
                SampleVerdict(job: offer.job, sequence: offer.sequence, isAccepted: false, reason: .purged),
                &actions
            )
        }
        offerSamples(now, &actions)
    }
}
