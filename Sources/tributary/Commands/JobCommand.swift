// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import EventLoop
import Operations
import Rounds

/// Submits and follows jobs.
struct JobCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job",
        abstract: "Submit, list, watch and cancel jobs of a coordinator.",
        discussion: """
            Example: tributary job submit job.yaml --coordinator 127.0.0.1:7400 --watch

            Exit codes: 0 done; 1 the watched job failed; 2 it was cancelled; 65 the coordinator refused the request;
            66 the job file cannot be read; 69 the coordinator cannot be reached.
            """,
        subcommands: [Submit.self, List.self, Status.self, Watch.self, Cancel.self]
    )

    /// What all of them take.
    struct Options: ParsableArguments {
        @Option(help: ArgumentHelp("The coordinator's address.", valueName: "host:port"))
        var coordinator = "127.0.0.1:7400"

        @Flag(help: "Write JSON, one object a line.")
        var json = false

        /// Connects, does something, and closes.
        func withClient(_ body: (OperatorClient) async throws -> Void) async throws {
            try await Failure.reporting {
                let endpoint = try Endpoint.parse(coordinator, for: "--coordinator")
                let loop = EventLoop(name: "operator")
                try loop.start()
                let client = OperatorClient(endpoint: endpoint, loop: loop)
                try await client.connect()
                try await body(client)
                await client.close()
            }
        }

        /// Prints states.
        func show(_ statuses: [JobStatus]) throws {
            for status in statuses.map({ StatusRecord($0) }) {
                Console.print(json ? try Format.json(status) : status.line)
            }
        }

        /// Shows a job's events until it is over, then ends with the exit code of its outcome.
        func follow(_ job: JobID, _ client: OperatorClient) async throws {
            let display = RoundDisplay(isQuiet: json)
            var last: JobStatus?
            for try await event in await client.watch(job) {
                last = event.status
                display.show(event)
                if json { Console.print(try Format.json(EventRecord(event))) }
            }
            guard let last else { return }
            if !json { try show([last]) }
            try Outcome.check(last)
        }
    }

    struct Submit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Submit a job file (YAML).",
            discussion: "Example: tributary job submit job.yaml --set rounds=20"
        )

        @Argument(help: ArgumentHelp("The job file.", valueName: "file")) var file: String
        @Option(
            name: .customLong("set"),
            help: ArgumentHelp("Override a key of the file; may be repeated.", valueName: "key=value")
        )
        var overrides: [String] = []
        @Flag(help: "Watch the job until it is over.") var watch = false
        @OptionGroup var options: Options

        func run() async throws {
            try await options.withClient { client in
                let specification = try TextFile.decode(JobSpecification.self, at: file, overrides: overrides)
                let status = try await client.submit(specification)
                try options.show([status])
                if watch { try await options.follow(status.job, client) }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List all jobs.",
            discussion: "Example: tributary job list"
        )
        @OptionGroup var options: Options

        func run() async throws {
            try await options.withClient { client in
                let statuses = try await client.list()
                if statuses.isEmpty, !options.json { Console.print("no jobs") }
                try options.show(statuses)
            }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a job's state.",
            discussion: "Example: tributary job status job-1"
        )
        @Argument(help: "The job: job-1 or 1.", transform: JobID.argument) var id: JobID
        @OptionGroup var options: Options

        func run() async throws {
            try await options.withClient { try options.show([await $0.status(id)]) }
        }
    }

    struct Watch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a job's progress until it is over.",
            discussion: "Example: tributary job watch job-1"
        )
        @Argument(help: "The job: job-1 or 1.", transform: JobID.argument) var id: JobID
        @OptionGroup var options: Options

        func run() async throws {
            try await options.withClient { try await options.follow(id, $0) }
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cancel a job.",
            discussion: "Example: tributary job cancel job-1"
        )
        @Argument(help: "The job: job-1 or 1.", transform: JobID.argument) var id: JobID
        @OptionGroup var options: Options

        func run() async throws {
            try await options.withClient { try options.show([await $0.cancel(id)]) }
        }
    }
}

extension JobID {
    /// Reads `job-1` or `1` from the command line.
    static func argument(_ text: String) throws -> JobID {
        guard let job = JobID(parsing: text) else {
            throw ValidationError("a job is written job-1 or 1, not '\(text)'")
        }
        return job
    }
}

/// Turns a job's end into an exit code.
enum Outcome {
    /// Throws the exit code of a job that did not finish.
    static func check(_ status: JobStatus) throws {
        switch status.phase {
        case .failed: throw Failure(.jobFailed, "\(status.job) failed: \(status.message)")
        case .cancelled: throw Failure(.jobCancelled, "\(status.job) was cancelled")
        case .queued, .waiting, .running, .finished: break
        }
    }
}
