// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
import Rounds
import UpdateCoding

extension AgentHost {
    // MARK: - Models

    func store(_ data: ByteSlice, of model: ModelReference, at offset: Int) {
        var bytes = loading?.digest == model.digest ? loading?.bytes ?? [] : []
        loading = nil
        guard bytes.count >= offset else { return }
        bytes.removeLast(bytes.count - offset)
        bytes += data.bytes
        loading = (model.digest, bytes)
    }

    func checkModel(_ reference: ModelReference) {
        guard let loaded = loading, loaded.digest == reference.digest else { return }
        loading = nil
        let isValid =
            loaded.bytes.withUnsafeBytes { recipe.digest($0) } == reference.digest && loaded.bytes.count % 4 == 0
        if isValid {
            let model = loaded.bytes.withUnsafeBytes { bytes in
                ParameterVector(
                    (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
                )
            }
            held = (reference.digest, model)
        }
        handle(.modelChecked(reference.digest, isValid: isValid))
    }

    // MARK: - Tasks

    func train(_ task: TrainTask) {
        running = task.key
        guard let held, held.digest == task.base.digest else {
            observer?.violation("\(agent) is to train on a model that it does not hold")
            return
        }
        let result = recipe.beginTraining(task, held.model)
        let begun = clock.now
        later(profile.training) { host in
            guard host.running == task.key else { return }
            host.running = nil
            host.finish(task, result, begun)
        }
    }

    private func finish(_ task: TrainTask, _ result: () throws -> TrainingOutcome, _ begun: Instant) {
        do {
            var outcome = try result()
            tampers?(task, &outcome)
            var bytes: [UInt8] = []
            let codec = try recipe.makeCodec(task.codec)
            try outcome.delta.withElements {
                try codec.encode($0, layout: task.layout, seed: Seed(task.seed).deriving("code"), into: &bytes)
            }
            let offer = UpdateOffer(
                key: task.key,
                digest: bytes.withUnsafeBytes { recipe.digest($0) },
                byteCount: bytes.count,
                codec: task.codec,
                weight: outcome.weight,
                steps: outcome.steps,
                trainedSamples: outcome.trainedSamples,
                loss: outcome.loss,
                trainingTime: begun.duration(to: clock.now),
                base: task.base.digest
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
        let result = recipe.beginEvaluation(agent, task, held.model)
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
