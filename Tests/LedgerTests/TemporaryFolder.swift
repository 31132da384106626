// SPDX-License-Identifier: Apache-2.0

import Foundation
import Ledger
import Rounds

/// A folder that goes when its object goes.
final class TemporaryFolder: Sendable {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("tributary-\(UUID().uuidString)").path

    init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The names in a folder below this one.
    func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)")) ?? []).sorted()
    }
}

/// Counts the calls that change files and makes one of them, or all from one on, fail.
final class FaultPlan: @unchecked Sendable {
    // Safe: the tests that use it call from one thread.
    enum Failing { case never, once, forEver }

    private let failing: Failing
    private let index: Int
    private let isTorn: Bool
    private(set) var count = 0
    private(set) var calls: [FileCall] = []
    /// Whether the plan's call was reached.
    private(set) var wasReached = false

    init(_ failing: Failing = .never, at index: Int = 0, isTorn: Bool = false) {
        self.failing = failing
        self.index = index
        self.isTorn = isTorn
    }

    func files() -> FileCalls {
        FileCalls { [self] call in
            defer { count += 1 }
            calls.append(call)
            guard failing == .once && count == index || failing == .forEver && count >= index else { return nil }
            wasReached = true
            // A torn write: only the failing one itself writes a part.
            return FileFault(count % 2 == 0 ? 28 : 5, writtenBytes: isTorn && count == index ? 5 : 0)
        }
    }

    /// Runs `body` with a plan for every call that it makes, once and for ever, clean and torn.
    static func exhaust(_ body: (FaultPlan, String) throws -> Void) rethrows -> Int {
        var runs = 0
        for (failing, isTorn) in [(Failing.once, false), (.forEver, false), (.once, true), (.forEver, true)] {
            var index = 0
            while true {
                let plan = FaultPlan(failing, at: index, isTorn: isTorn)
                try body(plan, "\(failing) at call \(index)\(isTorn ? ", torn" : "")")
                runs += 1
                guard plan.wasReached else { break }
                index += 1
            }
        }
        return runs
    }
}

/// Bytes that differ from offset to offset and from seed to seed.
func pattern(_ seed: UInt64, _ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
        var state = seed &* 0x85eb_ca6b
        for index in 0..<count {
            state &+= 0x9e37_79b9
            buffer[index] = UInt8(truncatingIfNeeded: state >> 13)
        }
        initialized = count
    }
}

func agent(_ name: String) -> AgentID {
    guard let agent = AgentID(name) else { preconditionFailure("a test's agents have names that are allowed") }
    return agent
}

func offer(
    _ name: String,
    job: UInt64 = 1,
    round: UInt32 = 1,
    attempt: UInt32 = 1,
    seed: UInt64,
    count: Int
) -> UpdateOffer {
    UpdateOffer(
        key: UpdateKey(job: JobID(job), round: RoundNumber(round), attempt: attempt, agent: agent(name)),
        digest: BlobDigest(high: seed, low: ~seed),
        byteCount: count,
        codec: "ecdq:bits=2",
        weight: 12.5,
        steps: 3,
        trainedSamples: 400,
        loss: 0.25,
        trainingTime: .milliseconds(1_234)
    )
}
