// SPDX-License-Identifier: Apache-2.0

import Rounds

/// Which committed rounds wait to be synced: of each job only the newest, one sync at a time.
struct DurabilityQueue {
    private var waiting: [JobID: RoundNumber] = [:]
    private var isBusy = false

    mutating func add(_ job: JobID, _ round: RoundNumber) {
        waiting[job] = max(waiting[job] ?? round, round)
    }

    /// The rounds to sync now; nil while a sync is under way or nothing waits.
    mutating func begin() -> [(JobID, RoundNumber)]? {
        guard !isBusy, !waiting.isEmpty else { return nil }
        isBusy = true
        defer { waiting = [:] }
        return waiting.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    mutating func end() {
        isBusy = false
    }
}
