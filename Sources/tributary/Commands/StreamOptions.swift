// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Agent
import ArgumentParser
import Learning
import Ledger

/// What an agent's command line says of its stream.
struct StreamOptions {
    let stream: String?
    let rate: Double?
    let policy: String?

    /// The stream and what may leave of it; nil without a stream.
    func site(_ own: Dataset, _ folder: StateFolder?) throws -> StreamSite? {
        guard let stream else {
            guard rate == nil, policy == nil else {
                throw ValidationError("--stream-rate and --policy go with --stream")
            }
            return nil
        }
        guard let folder else {
            throw ValidationError("--stream needs --state: the audit log of what left is kept there")
        }
        if let rate, !(rate > 0 && rate.isFinite) { throw ValidationError("--stream-rate takes a positive number") }
        let heldOut = try own.requireTrain()
        guard heldOut.count >= 16 else {
            throw Failure(
                .badInput,
                "--data needs 16 labelled samples of the device's own, to calibrate its answers by"
            )
        }
        return StreamSite(
            stream: try source(stream, heldOut),
            heldOut: heldOut,
            policy: try policy.map { try TextFile.decode(SitePolicy.self, at: $0) },
            state: folder,
            samplesPerSecond: rate
        )
    }

    private func source(_ text: String, _ heldOut: SampleTable) throws -> any SampleStream {
        if text.hasPrefix("pipe:") {
            return PipeStream(path: String(text.dropFirst(5)), sampleBytes: heldOut.featureCount)
        }
        let data = try AgentCommand.load(text)
        let table = try data.test ?? data.requireTrain()
        guard table.featureCount == heldOut.featureCount else {
            throw Failure(.badInput, "--stream and --data have samples of different sizes")
        }
        return TableStream(table)
    }
}
