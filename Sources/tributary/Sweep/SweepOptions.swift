// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// What a sweep varies, and how it runs.
struct SweepOptions: ParsableArguments {
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Run every combination of values, as in strategy=fedavg,fedld lr=0.01,0.1 seed=1..5.",
            valueName: "key=values"
        )
    )
    var sweep: [String] = []

    @Option(help: ArgumentHelp("Run the variants, methods and tuning that a file lists.", valueName: "file"))
    var sweepFile: String?

    @Option(help: ArgumentHelp("Where finished cells are kept (default: NAME-sweep).", valueName: "folder"))
    var sweepDir: String?

    @Option(help: "Cells at the same time; 0 for one a core. Times are comparable with 1.") var jobs: Int = 0

    @Flag(
        inversion: .prefixedNo,
        help: "Go on: a sweep with the cells that are missing (unless --no-resume), a run after its newest checkpoint."
    )
    var resume: Bool?

    /// Whether a sweep was asked for.
    var isSweep: Bool { !sweep.isEmpty || sweepFile != nil }

    func validate() throws {
        guard jobs >= 0, jobs <= 1_024 else { throw ValidationError("--jobs takes 0 (one a core) to 1024") }
    }
}
