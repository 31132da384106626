// SPDX-License-Identifier: Apache-2.0

import Rounds

/// The coordinator's configuration file.
struct CoordinatorFile: Decodable {
    let configuration: CoordinatorConfiguration

    init(from decoder: any Decoder) throws {
        let standard = CoordinatorConfiguration()
        let known = [
            "heartbeat", "silence_limit", "reconnect_earliest", "reconnect_latest", "agent_grace", "hello_limit",
            "concurrent_uploads", "chunk_bytes",
        ]
        let file = try StrictContainer(decoder, known: known)
        func time(_ key: String, _ fallback: Duration) throws -> Duration {
            try file.value(key, default: DurationText(fallback)).duration
        }
        let heartbeat = try time("heartbeat", standard.heartbeat)
        let silence = try time("silence_limit", max(standard.silenceLimit, heartbeat * 3))
        let earliest = try time("reconnect_earliest", standard.reconnectEarliest)
        let latest = try time("reconnect_latest", max(standard.reconnectLatest, earliest))
        let grace = try time("agent_grace", standard.agentGrace)
        let hello = try time("hello_limit", standard.helloLimit)
        let uploads = try file.value("concurrent_uploads", default: standard.concurrentUploads)
        let chunk = try file.value("chunk_bytes", default: standard.chunkBytes)
        try file.check(heartbeat > .zero, "heartbeat", "longer than 0s")
        try file.check(silence >= heartbeat * 2, "silence_limit", "at least twice the heartbeat")
        try file.check(earliest <= latest, "reconnect_latest", "at least reconnect_earliest")
        try file.check(hello > .zero, "hello_limit", "longer than 0s")
        try file.check(uploads >= 1, "concurrent_uploads", "1 or more")
        try file.check(
            chunk >= 4_096 && chunk <= Limits.chunkBytes,
            "chunk_bytes",
            "between 4096 and \(Limits.chunkBytes)"
        )
        configuration = CoordinatorConfiguration(
            heartbeat: heartbeat,
            silenceLimit: silence,
            reconnectEarliest: earliest,
            reconnectLatest: latest,
            agentGrace: grace,
            helloLimit: hello,
            concurrentUploads: uploads,
            chunkBytes: chunk
        )
    }

    /// Reads a file.
    static func read(_ path: String) throws -> CoordinatorConfiguration {
        try TextFile.decode(CoordinatorFile.self, at: path).configuration
    }
}
