// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Devices on streams and a coordinator whose cloud adapts them, as processes.
@Suite(.fewAtATime)
struct DeviceStreamTests {
    private static let scenario = """
        name: streams
        seeds: [1]
        adaptation:
          data: ["glyphs?samples=220&test=120"]
          device: {model: {kind: small-cnn, settings: {width: 4}}, samples: 160, epochs: 1}
          teacher: {model: {kind: small-cnn, settings: {width: 4}}, samples: 160, epochs: 1, corrupted_fraction: 0.8}
          stream: {corruptions: [contrast, fog], strengths: [3, 5], samples_per_phase: 60, cycles: 2, batch_size: 15}
          upload: {rate: 0.2, reserve: 0.1}
        """

    /// Writes the scenario's models, stream, job and policy; gives their folder.
    private func exported(_ cluster: LocalCluster, phase: Int = 60) async throws -> String {
        let file = try cluster.folder.write(Self.scenario, to: "streams.yaml")
        let outcome = try await cluster.command(
            "simulate",
            file,
            "--export",
            cluster.folder.path("export"),
            "--quiet",
            "--set",
            "adaptation.stream.samples_per_phase=\(phase)"
        )
        #expect(outcome.code == 0, "\(outcome.errors)")
        let folder = cluster.folder.path("export")
        let name = try #require(try FileManager.default.contentsOfDirectory(atPath: folder).first)
        return "\(folder)/\(name)"
    }

    private func submit(_ export: String, _ cluster: LocalCluster, _ settings: String...) async throws -> String {
        let run = try cluster.start(
            ["job", "submit", "\(export)/job.yaml", "--coordinator", cluster.address, "--json"]
                + settings.flatMap { ["--set", $0] },
            name: "submit"
        )
        #expect(try await run.exitCode() == 0, "\(run.errors)")
        return try #require(try run.records().first?["job"]?.text)
    }

    @discardableResult
    private func startDevice(
        _ name: String,
        _ export: String,
        _ cluster: LocalCluster,
        policy: Bool = true,
        stream: String? = nil,
        further: [String] = []
    ) throws -> ProgramRun {
        var arguments = ["agent", "--connect", cluster.address, "--id", name, "--data", "idx:\(export)", "--json"]
        arguments += ["--stream", stream ?? "idx:\(export)", "--state", cluster.folder.path("device-\(name)")]
        if policy { arguments += ["--policy", "\(export)/policy.yaml"] }
        return try cluster.start(arguments + further, name: name)
    }

    /// The last report of a device's stream.
    private func report(_ run: ProgramRun) throws -> JSONValue {
        try #require(try run.records().last { $0["stream"] != nil }, "\(run.errors)")
    }

    private func audit(_ name: String, _ cluster: LocalCluster) throws -> [JSONValue] {
        let path = cluster.folder.path("device-\(name)/samples-audit.jsonl")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        return try text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    }

    @Test func whatLeavesIsWhatTheSiteAllowsAndCanBeDeletedForGood() async throws {
        try await LocalCluster.with { cluster in
            let export = try await exported(cluster)
            try await cluster.startCoordinator()
            let job = try await submit(export, cluster, "minimum_agents=2")
            let open = try startDevice("open", export, cluster)
            let closed = try startDevice("closed", export, cluster, policy: false)
            let status = try await cluster.finish(job)
            let sent = try #require(try report(open)["sent"]?.integer)
            let version = try report(open)["version"]?.integer ?? 0
            #expect(sent > 10 && version > 5)
            for device in [open, closed] { #expect(try report(device)["answered"]?.integer == 480) }
            // Without a policy nothing left; the device still answered its stream.
            #expect(try report(closed)["sent"]?.integer == 0)
            let kept = try report(closed)["withheld"]?["no-policy"]?.integer ?? 0
            #expect(kept > 10)
            #expect(try audit("closed", cluster).isEmpty)
            let lines = try audit("open", cluster)
            #expect(lines.count == sent && lines.allSatisfy { $0["event"]?.text == "sent" })
            #expect(lines.compactMap { $0["bytes"]?.integer }.reduce(0, +) == status["bytes_up"]?.integer)

            let listed = try await cluster.command("samples", "list", "--coordinator", cluster.address, "--json")
            let holding = try listed.records().first { $0["client"]?.text == "open" }
            #expect(holding?["samples"]?.integer == sent)
            let receipt = cluster.folder.path("receipt.json")
            let purge = try await cluster.command(
                "samples",
                "purge",
                "--client",
                "open",
                "--coordinator",
                cluster.address,
                "--receipt",
                receipt
            )
            #expect(purge.code == 0, "\(purge.errors)")
            let left = FileManager.default.enumerator(atPath: cluster.state + "/samples")?.compactMap { $0 as? String }
            #expect(left?.filter { $0.hasSuffix(".samples") } == [])
            try await eventually("the device notes the deletion") {
                try audit("open", cluster).last?["event"]?.text == "purged"
            }
            let log = cluster.folder.path("device-open/samples-audit.jsonl")
            let verified = try await cluster.command("samples", "verify", "--audit", log, "--receipt", receipt)
            #expect(verified.code == 0, "\(verified.errors)")
            // A log of which a line was taken out does not hold, nor does a receipt of something else.
            let text = try String(contentsOfFile: log, encoding: .utf8)
            var cut = text.split(separator: "\n")
            cut.remove(at: 3)
            let damaged = try cluster.folder.write(cut.joined(separator: "\n") + "\n", to: "cut.jsonl")
            #expect(try await cluster.command("samples", "verify", "--audit", damaged).code == 1)
            let other = try cluster.folder.write(
                try String(contentsOfFile: receipt, encoding: .utf8).replacing("\"batches\":", with: "\"batches\":9"),
                to: "other.json"
            )
            #expect(try await cluster.command("samples", "verify", "--audit", log, "--receipt", other).code == 1)
            // After a restart of the coordinator it is still gone.
            cluster.coordinator.kill()
            try await cluster.startCoordinator()
            let again = try await cluster.command("samples", "list", "--coordinator", cluster.address, "--json")
            #expect(try again.records().first { $0["client"]?.text == "open" }?["samples"]?.integer == 0)
            #expect(try again.records().contains { $0["receipt"]?.integer == 1 })
        }
    }

    @Test func aKilledCoordinatorGoesOnWithTheSameBits() async throws {
        try await LocalCluster.with { cluster in
            let export = try await exported(cluster, phase: 200)
            var results: [[Int?]] = []
            for kills in [0, 3] {
                cluster.state = cluster.folder.path("coordinator-\(kills)")
                try await cluster.startCoordinator()
                let job = try await submit(export, cluster)
                let device = try startDevice("same", export, cluster)
                for _ in 0..<kills {
                    try await eventually("the stream began") { try device.records().contains { $0["stream"] != nil } }
                    try await Task.sleep(for: .milliseconds(120))
                    cluster.coordinator.kill()
                    try await cluster.startCoordinator()
                }
                let status = try await cluster.finish(job)
                let last = try report(device)
                results.append([
                    last["sent"]?.integer, last["version"]?.integer, status["accepted_updates"]?.integer,
                    status["bytes_up"]?.integer, Int((last["accuracy"]?.number ?? 0) * 1e6),
                ])
                device.kill()
                try FileManager.default.removeItem(atPath: cluster.folder.path("device-same"))
                cluster.coordinator.kill()
            }
            #expect(results[0] == results[1])
        }
    }

    @Test func aKilledDeviceGoesOnAndEveryBatchCountsOnce() async throws {
        try await LocalCluster.with { cluster in
            let export = try await exported(cluster)
            try await cluster.startCoordinator()
            let job = try await submit(export, cluster)
            // Slow enough that the stream is not over before it is seen to have begun, on however busy a machine.
            let pace = ["--stream-rate", "20"]
            var device = try startDevice("lost", export, cluster, further: pace)
            for kill in 1...2 {
                try await eventually("updates are applied") {
                    try device.records().last { $0["stream"] != nil }?["version"]?.integer ?? 0 > 2 * kill
                }
                device.kill()
                device = try startDevice("lost", export, cluster, further: kill < 2 ? pace : [])
            }
            let status = try await cluster.finish(job)
            let batches = Set(try audit("lost", cluster).compactMap { $0["sequence"]?.integer })
            #expect(status["accepted_updates"]?.integer == batches.count)
            #expect(try report(device)["over"] == .bool(true))
            let log = cluster.folder.path("device-lost/samples-audit.jsonl")
            #expect(try await cluster.command("samples", "verify", "--audit", log).code == 0)
        }
    }

    @Test func aPipeIsAnsweredAsItComes() async throws {
        try await LocalCluster.with { cluster in
            let export = try await exported(cluster)
            let pixels = try Data(contentsOf: URL(filePath: "\(export)/t10k-images-idx3-ubyte")).dropFirst(16)
            let raw = try cluster.folder.write(Data(pixels), to: "camera.raw")
            try await cluster.startCoordinator()
            let job = try await submit(export, cluster, "adaptation.coding=\"dct:10\"")
            let device = try startDevice("camera", export, cluster, stream: "pipe:\(raw)")
            _ = try await cluster.finish(job)
            let last = try report(device)
            #expect(last["answered"]?.integer == 480 && last["labelled"]?.integer == 0)
            #expect((last["sent"]?.integer ?? 0) > 10)
        }
    }

    @Test func anAgentThatWaitsForItsPipeStopsWhenItIsAsked() async throws {
        try await LocalCluster.with { cluster in
            let export = try await exported(cluster)
            let pipe = cluster.folder.path("camera.pipe")
            #expect(mkfifo(pipe, 0o600) == 0)
            try await cluster.startCoordinator()
            _ = try await submit(export, cluster)
            let device = try startDevice("camera", export, cluster, stream: "pipe:\(pipe)")
            try await eventually("the stream is reported") { try device.records().contains { $0["stream"] != nil } }
            // Half a sample, then a writer that stays silent.
            let writer = open(pipe, O_WRONLY)
            #expect(write(writer, [1, 2, 3], 3) == 3)
            device.send(SIGTERM)
            #expect(try await device.exitCode() == 0)
            close(writer)
        }
    }

    @Test func whatWaitsDoesNotLeaveOnceTheSiteChangedItsMind() async throws {
        try await LocalCluster.with { cluster in
            let export = try await exported(cluster)
            try await cluster.startCoordinator()
            _ = try await submit(export, cluster)
            var device = try startDevice("careful", export, cluster, further: ["--stream-rate", "150"])
            func waiting() -> [String] {
                let files = FileManager.default.enumerator(atPath: cluster.folder.path("device-careful/samples"))
                return (files?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".samples") }
            }
            try await eventually("samples leave") { (try? audit("careful", cluster).count) ?? 0 > 2 }
            cluster.coordinator.kill()
            try await eventually("samples wait") { waiting().count > 1 }
            device.kill()
            let count = waiting().count
            device = try startDevice("careful", export, cluster, policy: false)
            try await eventually("they are withdrawn") { waiting().isEmpty }
            let refused = try audit("careful", cluster).filter { $0["reason"]?.text == "policy-changed" }
            #expect(refused.count == count)
            let log = cluster.folder.path("device-careful/samples-audit.jsonl")
            #expect(try await cluster.command("samples", "verify", "--audit", log).code == 0)
        }
    }

    @Test func wrongUseIsToldInOneLine() async throws {
        try await LocalCluster.with { cluster in
            let export = try await exported(cluster)
            let wrong = [
                ["agent", "--id", "x", "--data", "glyphs", "--stream", "glyphs"],
                ["agent", "--id", "x", "--data", "glyphs", "--policy", "\(export)/policy.yaml"],
                ["samples", "purge", "--client", "no such name"],
            ]
            for arguments in wrong {
                let run = try cluster.start(arguments, name: "wrong")
                #expect(try await run.exitCode() == 64, "\(run.errors)")
            }
            try await cluster.startCoordinator()
            for setting in ["adaptation.source=nowhere.safetensors", "adaptation.colour=red", "adaptation.teacher={}"] {
                let run = try cluster.start(
                    ["job", "submit", "\(export)/job.yaml", "--coordinator", cluster.address, "--set", setting],
                    name: "wrong"
                )
                #expect(try await run.exitCode() == 65, "\(setting): \(run.errors)")
                #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
            }
            let none = try await cluster.command("samples", "purge", "--client", "a", "--coordinator", cluster.address)
            #expect(none.code == 65)
        }
    }
}
