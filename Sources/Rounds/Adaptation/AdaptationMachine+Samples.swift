// SPDX-License-Identifier: Apache-2.0

extension AdaptationMachine {
    // MARK: - Offers

    mutating func offered(_ offer: SampleOffer, by agent: AgentID, _ now: Instant) -> [Step] {
        var steps: [Step] = []
        var device = devices[agent] ?? DeviceRecord()
        defer { devices[agent] = device }
        if offer.sequence <= device.lastSequence {
            let known = device.kept[offer.sequence]
            if known == nil {
                refuse(offer, agent, .purged, "its samples were deleted, or their numbers are used up", &steps)
            } else if known?.digest == offer.digest {
                steps.append(.send(agent, .sampleVerdict(verdict(offer.sequence, isAccepted: true))))
            } else {
                refuse(offer, agent, .conflictingOffer, "another batch has this number", &steps)
            }
            return steps
        }
        guard !isOver, prepared != nil else {
            refuse(offer, agent, isOver ? .jobCancelled : .overloaded, "the job takes no samples now", &steps)
            return steps
        }
        guard !device.isPurging else {
            refuse(offer, agent, .overloaded, "its samples are being deleted; offer it again", &steps)
            return steps
        }
        if var upload = device.upload {
            switch upload.state {
            case .storing, .recording:
                // Its verdict follows.
                guard upload.offer != offer else { return steps }
                refuse(offer, agent, .overloaded, "another batch is being stored", &steps)
                return steps
            case .receiving, .suspended:
                if upload.offer == offer {
                    request(&upload, agent, &steps)
                    device.upload = upload
                    return steps
                }
            }
        }
        guard device.takes(offer.byteCount, of: prepared?.bytesPerDay, now) else {
            status.refusedUpdates += 1
            let text = "the job takes \(prepared?.bytesPerDay ?? 0) bytes of samples a day from a device"
            refuse(offer, agent, .allowanceSpent, text, &steps)
            return steps
        }
        var upload = DeviceRecord.Upload(offer: offer, state: .suspended)
        request(&upload, agent, &steps)
        device.upload = upload
        return steps
    }

    private mutating func request(_ upload: inout DeviceRecord.Upload, _ agent: AgentID, _ steps: inout [Step]) {
        lastTransfer += 1
        let transfer = lastTransfer | Self.transferBit
        upload.state = .receiving(transfer: transfer)
        let request = SampleRequest(
            job: job,
            sequence: upload.offer.sequence,
            transfer: transfer,
            offset: upload.bytes.count
        )
        steps.append(.send(agent, .sampleRequest(request)))
    }

    private func verdict(
        _ sequence: UInt64,
        isAccepted: Bool,
        _ reason: ReasonCode = .unspecified,
        _ message: String = ""
    ) -> SampleVerdict {
        SampleVerdict(job: job, sequence: sequence, isAccepted: isAccepted, reason: reason, message: message)
    }

    private func refuse(
        _ offer: SampleOffer,
        _ agent: AgentID,
        _ reason: ReasonCode,
        _ message: String,
        _ steps: inout [Step]
    ) {
        steps.append(.send(agent, .sampleVerdict(verdict(offer.sequence, isAccepted: false, reason, message))))
    }

    // MARK: - Bytes

    /// Takes in a piece of a batch; false where it does not follow what is held, which ends the connection.
    mutating func arrived(_ chunk: BlobChunk, from agent: AgentID) -> (isSound: Bool, steps: [Step]) {
        var steps: [Step] = []
        // Pieces of a transfer that was given up may still be under way: they are dropped.
        guard case .receiving(chunk.transfer) = devices[agent]?.upload?.state, let upload = devices[agent]?.upload
        else { return (true, steps) }
        guard chunk.offset == upload.bytes.count, chunk.data.count > 0,
            chunk.data.count <= upload.offer.byteCount - chunk.offset
        else { return (false, steps) }
        devices[agent]?.upload?.bytes += chunk.data.bytes
        guard let bytes = devices[agent]?.upload?.bytes, bytes.count == upload.offer.byteCount else {
            return (true, steps)
        }
        devices[agent]?.upload?.state = .storing
        devices[agent]?.upload?.bytes = []
        steps.append(.shell(.store(KeptSamples(upload.offer, from: agent), bytes)))
        return (true, steps)
    }

    mutating func stored(_ key: SampleKey, _ steps: inout [Step]) {
        guard let upload = devices[key.agent]?.upload, upload.offer.sequence == key.sequence, upload.state == .storing
        else { return }
        devices[key.agent]?.upload?.state = .recording
        steps.append(.record([.samplesKept(KeptSamples(upload.offer, from: key.agent))], .kept(key)))
    }

    mutating func storeFailed(
        _ key: SampleKey,
        _ reason: ReasonCode,
        _ message: String,
        _ steps: inout [Step]
    ) {
        guard let upload = devices[key.agent]?.upload, upload.offer.sequence == key.sequence else { return }
        devices[key.agent]?.upload = nil
        status.refusedUpdates += 1
        refuse(upload.offer, key.agent, reason, message, &steps)
        let text = "samples \(key) are refused: \(reason): \(message)"
        if reason == .storageFailed {
            steps.append(.log(LogLine(.error, text)))
        } else {
            notify(text, kind: .agentTrouble, &steps)
        }
    }

    mutating func keptRecorded(_ key: SampleKey, _ now: Instant, _ steps: inout [Step]) {
        guard let upload = devices[key.agent]?.upload, upload.offer.sequence == key.sequence else { return }
        let samples = KeptSamples(upload.offer, from: key.agent)
        devices[key.agent]?.upload = nil
        devices[key.agent]?.kept[key.sequence] = samples
        devices[key.agent]?.lastSequence = key.sequence
        status.acceptedUpdates += 1
        status.bytesUp += UInt64(samples.byteCount)
        steps.append(.send(key.agent, .sampleVerdict(verdict(key.sequence, isAccepted: true))))
        let generation = devices[key.agent]?.generation ?? 0
        steps.append(.shell(.learn(samples, generation: generation)))
    }

    // MARK: - Updates

    mutating func learnt(_ learnt: LearntSamples, _ now: Instant, _ steps: inout [Step]) {
        let agent = learnt.key.agent
        // What was learnt from samples that were deleted meanwhile goes nowhere.
        guard !isOver, devices[agent]?.kept[learnt.key.sequence] != nil else { return }
        let answered = max(devices[agent]?.answeredSequence ?? 0, learnt.key.sequence)
        devices[agent]?.answeredSequence = answered
        let push = AdaptationPush(
            job: job,
            sequence: learnt.key.sequence,
            version: learnt.version,
            digest: learnt.digest,
            data: learnt.data
        )
        if learnt.version > 0 {
            devices[agent]?.pushes[learnt.environment] = push
        } else {
            let text = "nothing was learnt from \(learnt.key): \(learnt.message)"
            steps.append(.log(LogLine(.warning, text)))
        }
        if connected.contains(agent), (devices[agent]?.report?.version ?? 0) < learnt.version || learnt.version == 0 {
            status.bytesDown += UInt64(learnt.data.count)
            steps.append(.send(agent, .adaptation(push)))
        }
        finishIfDone(&steps)
    }

    // MARK: - Deleting

    /// Begins to delete what is held of an agent; nil where samples are being stored or deleted.
    ///
    /// Where nothing is held any more the last receipt is given again: every receipt names at least one batch.
    mutating func purge(_ agent: AgentID) -> [Step]? {
        var device = devices[agent] ?? DeviceRecord()
        guard !device.isPurging, device.upload?.state != .storing, device.upload?.state != .recording else {
            return nil
        }
        if device.kept.isEmpty, let receipt = device.receipts.last { return [.answerPurge(receipt)] }
        device.isPurging = true
        device.upload = nil
        devices[agent] = device
        let batches = device.kept.values.sorted { $0.key < $1.key }
        let holding = device.holding(job, agent)
        let receipt = PurgeReceipt(
            job: job,
            agent: agent,
            number: UInt64(device.receipts.count) + 1,
            lastSequence: device.lastSequence,
            batchCount: holding.batchCount,
            sampleCount: holding.sampleCount,
            byteCount: holding.byteCount,
            digest: BlobDigest(high: 0, low: 0)
        )
        return [.shell(.seal(receipt, batches.map(\.digest)))]
    }

    mutating func purgeRecorded(_ receipt: PurgeReceipt, _ steps: inout [Step]) {
        devices[receipt.agent]?.kept = [:]
        devices[receipt.agent]?.pushes = [:]
        devices[receipt.agent]?.answeredSequence = receipt.lastSequence
        devices[receipt.agent]?.receipts.append(receipt)
        steps.append(.shell(.purge(receipt)))
    }

    mutating func purged(_ receipt: PurgeReceipt, _ now: Instant, _ steps: inout [Step]) {
        devices[receipt.agent]?.isPurging = false
        if connected.contains(receipt.agent) { steps.append(.send(receipt.agent, .samplesPurged(receipt))) }
        steps.append(.answerPurge(receipt))
        if !isOver {
            notify("\(receipt.sampleCount) samples of \(receipt.agent) were deleted", &steps)
            finishIfDone(&steps)
        }
    }
}
