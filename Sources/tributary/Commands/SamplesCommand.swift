// SPDX-License-Identifier: Apache-2.0

import Adaptation
import ArgumentParser
import Digest
import FoundationEssentials
import Ledger
import Operations
import Rounds

/// Whose samples a coordinator holds, and their deletion.
struct SamplesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "samples",
        abstract: "List and delete the samples that devices sent, and check audit logs.",
        discussion: """
            Devices send samples only for adaptation jobs, and only as far as their site's policy allows.

            Example: tributary samples purge --client door-3 --receipt receipt.json
                     tributary samples verify --audit door-3/samples-audit.jsonl --receipt receipt.json

            Exit codes: 0 done; 1 the audit log or the receipt does not hold; 65 the coordinator refused the request;
            66 a file cannot be read; 69 the coordinator cannot be reached.
            """,
        subcommands: [List.self, Purge.self, Verify.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what is held of each client, and what was deleted.",
            discussion: "Example: tributary samples list --coordinator 127.0.0.1:7400"
        )
        @Option(help: ArgumentHelp("Only this client's.", valueName: "name"), transform: AgentID.argument)
        var client: AgentID?
        @OptionGroup var options: JobCommand.Options

        func run() async throws {
            try await options.withClient { client in
                let (holdings, receipts) = try await client.samples(of: self.client)
                if options.json {
                    for holding in holdings { Console.print(try Format.json(HoldingRecord(holding))) }
                    for receipt in receipts { Console.print(try Format.json(ReceiptRecord(receipt))) }
                    return
                }
                if holdings.isEmpty { Console.print("no samples") }
                for holding in holdings {
                    Console.print(
                        "\(holding.job)  \(holding.agent)  \(holding.sampleCount) samples in "
                            + "\(holding.batchCount) batches  \(Format.bytes(holding.byteCount))"
                    )
                }
                for receipt in receipts { Console.print(ReceiptRecord(receipt).line) }
            }
        }
    }

    struct Purge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a client's samples, with all that was learnt from them.",
            discussion: """
                Deletes the samples from the coordinator's disk, forgets the prompts and the delta that were learnt from
                them, notes the deletion in the journal and tells the device, whose audit log notes it too. What the
                device has in force stays with it. The receipt names the digest of all batches that were deleted; the
                device's audit log gives the same: tributary samples verify.

                Example: tributary samples purge --client door-3 --receipt receipt.json
                """
        )
        @Option(help: ArgumentHelp("The client.", valueName: "name"), transform: AgentID.argument) var client: AgentID
        @Option(help: "The job: job-1 or 1; all where it is not named.", transform: JobID.argument) var job: JobID?
        @Option(help: ArgumentHelp("Write the receipts to a file, a JSON object a line.", valueName: "file"))
        var receipt: String?
        @OptionGroup var options: JobCommand.Options

        func run() async throws {
            try await options.withClient { client in
                let receipts = try await client.purge(self.client, job).map { ReceiptRecord($0) }
                let lines = try receipts.map { try Format.json($0) }
                for (record, line) in zip(receipts, lines) { Console.print(options.json ? line : record.line) }
                if let receipt { try OutputFile.write(lines.joined(separator: "\n") + "\n", to: receipt) }
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check that an audit log is whole, and that receipts cover what it says was sent.",
            discussion: "Example: tributary samples verify --audit samples-audit.jsonl --receipt receipt.json"
        )
        @Option(help: ArgumentHelp("A device's audit log.", valueName: "file")) var audit: String
        @Option(help: ArgumentHelp("Receipts of the coordinator.", valueName: "file")) var receipt: String?
        @Flag(help: "Write JSON.") var json = false

        func run() async throws {
            try await Failure.reporting {
                let log = try AuditReading(path: audit)
                let receipts = try receipt.map { try ReceiptRecord.read($0) } ?? []
                for receipt in receipts { try log.check(receipt) }
                let record = VerificationRecord(
                    lines: log.lineCount,
                    samples: log.sampleCount,
                    bytes: log.byteCount,
                    receipts: receipts.count
                )
                guard !json else { return Console.print(try Format.json(record)) }
                var text = "the audit log is whole: \(record.lines) lines, \(record.samples) samples, "
                text += "\(Format.bytes(UInt64(record.bytes))) sent"
                if !receipts.isEmpty { text += "; \(receipts.count) receipts cover all batches that they name" }
                Console.print(text)
            }
        }
    }
}

extension AgentID {
    /// Reads a client's name from the command line.
    static func argument(_ text: String) throws -> AgentID {
        guard let agent = AgentID(text) else {
            throw ValidationError("a client's name has 1 to 128 characters out of letters, digits, '.', '_' and '-'")
        }
        return agent
    }
}

private struct VerificationRecord: Encodable {
    let lines: Int
    let samples: Int
    let bytes: Int
    let receipts: Int
}

private struct HoldingRecord: Encodable {
    let job: String
    let client: String
    let samples: UInt64
    let batches: UInt64
    let bytes: UInt64

    init(_ holding: SampleHolding) {
        job = "\(holding.job)"
        client = "\(holding.agent)"
        samples = holding.sampleCount
        batches = holding.batchCount
        bytes = holding.byteCount
    }
}
