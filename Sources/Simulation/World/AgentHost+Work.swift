// SPDX-License-Identifier: Apache-2.0

import Digest
import ModelState
import RoundWork
import Rounds

extension AgentHost {
    // MARK: - Models

    func store(_ data: ByteSlice, of part: ModelReference.Part, at offset: Int) {
        var bytes = loading?.part == part ? loading?.bytes ?? [] : []
        loading = nil
        guard bytes.count >= offset else { return }
        bytes.removeLast(bytes.count - offset)
        bytes += data.bytes
        loading = (part, bytes)
    }

    func checkModel(_ part: ModelReference.Part, _ layout: TensorLayout, _ after: BlobDigest?) {
        guard let loaded = loading, loaded.part == part else { return }
        loading = nil
        let isValid = take(part, ByteSlice(copying: loaded.bytes), layout, after)
        handle(.modelChecked(part.digest, isValid: isValid))
    }

    private func take(
        _ part: ModelReference.Part,
        _ bytes: ByteSlice,
        _ layout: TensorLayout,
        _ after: BlobDigest?
    ) -> Bool {
        guard BlobDigest(hashing: bytes) == part.digest,
            let vector = try? ModelPart.decode(part, bytes, layout: layout)
        else { return false }
        guard let after else {
            held = (part.digest, vector)
            return true
        }
        guard var model = held?.model, held?.digest == after else { return false }
        model.add(vector)
        held = (part.digest, model)
        return true
    }

    // MARK: - Tasks

    func train(_ task: TrainTask) {
        running = task.key
        guard let held, held.digest == task.base.digest else {
            observer?.violation("\(agent) is to train on a model that it does not hold")
            return
        }
        let work: ClientWork
        var memory: ClientMemory
        do {
            work = try ClientWork(task)
            memory = try disk.memory(of: task.key.job)
            work.settle(&memory)
        } catch {
            running = nil
            return later(.zero) { $0.handle(.trainingFailed(task.key, .trainerFailed, "\(error)")) }
        }
        let result = recipe.beginTraining(task, held.model, memory)
        let begun = clock.now
        later(profile.training) { [memory] host in
            guard host.running == task.key else { return }
            host.running = nil
            host.finish(work, memory, result, begun)
        }
    }

    private func finish(
        _ work: ClientWork,
        _ settled: ClientMemory,
        _ result: () throws -> TrainingOutcome,
        _ begun: Instant
    ) {
        let task = work.task
        do {
            var memory = settled
            var outcome = try result()
            tampers?(task, &outcome)
            let bytes = try work.code(outcome.delta, state: outcome.state, memory: &memory).array
            if work.remembers { disk.keep(memory, of: task.key.job) }
            let offer = UpdateOffer(
                key: task.key,
                digest: bytes.withUnsafeBytes { BlobDigest(hashing: $0) },
                byteCount: bytes.count,
                codec: task.codec,
                weight: outcome.weight,
                steps: outcome.steps,
                trainedSamples: outcome.trainedSamples,
                loss: outcome.loss,
                trainingTime: begun.duration(to: clock.now),
                base: task.base.digest,
                initialLoss: outcome.initialLoss,
                uncertainty: outcome.uncertainty
            )
            disk.put(offer, bytes: bytes)
            observer?.produced(offer, delta: outcome.delta)
            handle(.trained(offer))
        } catch {
            handle(.trainingFailed(task.key, .trainerFailed, "\(error)"))
        }
    }

    func evaluate(_ task: EvaluateTask) {
        guard let held, held.digest == task.base.digest else {
            observer?.violation("\(agent) is to evaluate a model that it does not hold")
            return
        }
        let memory = (try? disk.memory(of: task.job)) ?? ClientMemory()
        let result = recipe.beginEvaluation(agent, task, held.model, memory)
        later(profile.evaluation) { host in
            do {
                host.handle(.evaluated(task.job, task.base.round, try result()))
            } catch {
                host.handle(.evaluationFailed(task.job, task.base.round, .trainerFailed, "\(error)"))
            }
        }
    }

    // MARK: - Uploads

    /// Sends the next chunks of the update under way, as many as the window lets through.
    func sendChunks() {
        guard let connection else { return }
        while let (key, transfer, offset) = upload, let bytes = disk.outbox[key]?.bytes {
            let window = chunkBytes * CoordinatorHost.windowChunks
            guard network.backlog(of: connection, .up) < window else { return }
            let end = min(offset + chunkBytes, bytes.count)
            upload = end < bytes.count ? (key, transfer, end) : nil
            sentUpdateBytes += UInt64(end - offset)
            let data = ByteSlice(copying: Array(bytes[offset..<end]))
            send(.chunk(BlobChunk(transfer: transfer, offset: offset, data: data)))
        }
    }
}
