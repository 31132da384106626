// swift-tools-version: 6.1
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// Whether simulations may spread over processes by MPI: TRIBUTARY_MPI=1 swift build ... needs Open MPI (libopenmpi-dev).
let withMPI = Context.environment["TRIBUTARY_MPI"] == "1"

/// Whether simulations may train on oneDNN: TRIBUTARY_DNNL=1 swift build ... needs libdnnl-dev.
let withOneDNN = Context.environment["TRIBUTARY_DNNL"] == "1"
let oneDNNSettings: [SwiftSetting] = withOneDNN ? [.define("ONEDNN")] : []

/// A library module; the order below is that of ARCHITECTURE.md: a module imports only modules above it.
func module(
    _ name: String,
    _ dependencies: [Target.Dependency] = [],
    further: [SwiftSetting] = []
) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings + further)
}

/// A module's tests.
func tests(
    _ name: String,
    _ dependencies: [Target.Dependency],
    exclude: [String] = [],
    further: [SwiftSetting] = []
) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings + further)
}

let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let messagePassing: [Target] = [
    .systemLibrary(name: "CMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    module("MessagePassing", ["CMPI", "Simulation"]),
]

/// The library's own threads are kept out by libgomp's call.
let oneDNN = Target.target(
    name: "CDNNL",
    linkerSettings: [.linkedLibrary("dnnl"), .linkedLibrary("gomp")]
)

let package = Package(
    name: "tributary",
    products: [.executable(name: "tributary", targets: ["tributary"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    ],
    targets: [
        // System libraries.
        .systemLibrary(name: "CLibuv", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
        .systemLibrary(name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
        .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        // Pure modules: values and decisions, no C but the kernels.
        .target(
            name: "CKernels",
            exclude: [
                "convolution.inc", "convolution_winograd.inc", "training_dense.inc", "training_softmax.inc",
                "training_sparse.inc",
            ]
        ),
        module("Randomness"),
        module("ModelState", ["CKernels"]),
        module("UpdateCoding", ["CKernels", "ModelState", "Randomness"]),
        module("LosslessCoding", ["CZstd", "ModelState", "Randomness", "UpdateCoding"]),
        module("Aggregation", ["CKernels", "ModelState", "Randomness", "UpdateCoding"]),
        module("Selection", ["Randomness"]),
        module("Rounds", ["ModelState", "Randomness", "Selection"]),

        // The wire, the loop, the disk.
        .target(name: "CMessages", dependencies: ["CProtobufC"]),
        module("Digest", ["CXXHash", "Rounds"]),
        module("Wire", ["CMessages", "CProtobufC", "ModelState", "Rounds"]),
        module("EventLoop", ["CLibuv"]),
        module("Messaging", ["EventLoop", "Rounds", "Wire"]),
        module("Ledger", ["Digest", "ModelState", "Rounds", "UpdateCoding", grdb]),

        // Training, and the heavy work of a round, the same in every shell.
        module(
            "Learning",
            ["CKernels", "CZlib", "ModelState", "Randomness", "Rounds", "Selection"] + (withOneDNN ? ["CDNNL"] : []),
            further: oneDNNSettings
        ),
        module("Adaptation", ["CKernels", "Learning", "ModelState", "Randomness", "Rounds", "Selection"]),
        module(
            "RoundWork",
            [
                "Adaptation", "Aggregation", "Digest", "Learning", "ModelState", "Randomness", "Rounds", "UpdateCoding",
            ]
        ),

        // The shells.
        module(
            "Coordinator",
            [
                "Adaptation", "Aggregation", "Digest", "EventLoop", "Learning", "Ledger", "Messaging", "ModelState",
                "Randomness", "RoundWork", "Rounds", "UpdateCoding", "Wire", logging, metrics,
            ]
        ),
        module(
            "Agent",
            [
                "Adaptation", "Digest", "EventLoop", "Learning", "Ledger", "Messaging", "ModelState", "Randomness",
                "RoundWork", "Rounds", "UpdateCoding", "Wire", logging,
            ]
        ),
        module(
            "Simulation",
            [
                "Aggregation", "Digest", "EventLoop", "Learning", "ModelState", "Randomness", "RoundWork", "Rounds",
                "Selection", "UpdateCoding", "Wire",
            ]
        ),
        module("Operations", ["EventLoop", "Messaging", "Rounds", "Wire"]),
        module("Reporting"),
        .executableTarget(
            name: "tributary",
            dependencies: [
                "Adaptation", "Agent", "Aggregation", "Coordinator", "Digest", "EventLoop", "Learning", "Ledger",
                "LosslessCoding", "Messaging", "ModelState",
                "Operations",
                "Randomness", "Reporting", "RoundWork", "Rounds", "Selection", "Simulation", "UpdateCoding", "Wire",
                logging,
                coreMetrics, .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Yams", package: "Yams"),
            ] + (withMPI ? ["MessagePassing"] : []),
            swiftSettings: settings + (withMPI ? [.define("MPI")] : [])
        ),

        // Tests.
        tests("TidyTests", []),
        tests(
            "AggregationTests",
            ["Aggregation", "CKernels", "ModelState", "Randomness", "UpdateCoding"],
            exclude: ["Oracles", "Fixtures"]
        ),
        tests("UpdateCodingTests", ["CKernels", "ModelState", "Randomness", "UpdateCoding"]),
        tests("SelectionTests", ["Randomness", "Selection"]),
        tests("LosslessCodingTests", ["LosslessCoding", "ModelState", "Randomness", "UpdateCoding"]),
        tests("ModelStateTests", ["ModelState", "Randomness"]),
        tests("RoundsTests", ["ModelState", "Randomness", "Rounds", "Selection"]),
        tests("DigestTests", ["Digest", "Rounds"]),
        tests("WireTests", ["ModelState", "Randomness", "Rounds", "Wire"]),
        tests("EventLoopTests", ["CLibuv", "EventLoop"]),
        tests(
            "LedgerTests",
            ["Digest", "Ledger", "ModelState", "Randomness", "Rounds", "Selection", "UpdateCoding", grdb]
        ),
        tests(
            "LearningTests",
            ["CKernels", "CZlib", "Learning", "ModelState", "Randomness", "Rounds", "Selection"],
            exclude: ["Oracles"],
            further: oneDNNSettings
        ),
        tests("AdaptationTests", ["Adaptation", "Learning", "ModelState", "Randomness", "Rounds", "Selection"]),
        tests(
            "RoundWorkTests",
            ["Aggregation", "Digest", "Learning", "ModelState", "Randomness", "RoundWork", "Rounds", "UpdateCoding"]
        ),
        tests(
            "SimulationTests",
            [
                "Aggregation", "Digest", "Learning", "ModelState", "Randomness", "RoundWork", "Rounds", "Selection",
                "Simulation", "UpdateCoding",
            ]
        ),
        tests("ReportingTests", ["Reporting"]),
        tests("IntegrationTests", ["tributary"]),
    ] + (withMPI ? messagePassing : []) + (withOneDNN ? [oneDNN] : []),
    swiftLanguageModes: [.v6]
)
