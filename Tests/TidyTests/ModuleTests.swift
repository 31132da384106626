// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Keeps the modules apart: who may import whom, and what pure modules do without.
@Suite struct ModuleTests {
    /// What each module may import of the project; every arrow points to a module above.
    static let allowed: [String: Set<String>] = [
        "Randomness": [],
        "ModelState": ["CKernels"],
        "UpdateCoding": ["CKernels", "ModelState", "Randomness"],
        "Aggregation": ["CKernels", "ModelState", "Randomness", "UpdateCoding"],
        "LosslessCoding": ["CZstd", "ModelState", "Randomness", "UpdateCoding"],
        "Selection": ["Randomness"],
        "Rounds": ["ModelState", "Randomness", "Selection"],
        "Digest": ["CXXHash", "Rounds"],
        "Wire": ["CMessages", "CProtobufC", "ModelState", "Rounds"],
        "EventLoop": ["CLibuv"],
        "Messaging": ["EventLoop", "Rounds", "Wire"],
        "Ledger": ["Digest", "ModelState", "Rounds", "UpdateCoding"],
        "Learning": ["CDNNL", "CKernels", "CZlib", "ModelState", "Randomness", "Rounds", "Selection"],
        "Adaptation": ["CKernels", "Learning", "ModelState", "Randomness", "Rounds", "Selection"],
        "RoundWork": [
            "Adaptation", "Aggregation", "Digest", "Learning", "ModelState", "Randomness", "Rounds", "UpdateCoding",
        ],
        "Coordinator": [
            "Adaptation", "Aggregation", "Digest", "EventLoop", "Learning", "Ledger", "Messaging", "ModelState",
            "Randomness",
            "RoundWork",
            "Rounds", "UpdateCoding", "Wire",
        ],
        "Agent": [
            "Adaptation", "Digest", "EventLoop", "Learning", "Ledger", "Messaging", "ModelState", "Randomness",
            "RoundWork", "Rounds",
            "UpdateCoding", "Wire",
        ],
        "Simulation": [
            "Aggregation", "Digest", "EventLoop", "Learning", "ModelState", "Randomness", "RoundWork", "Rounds",
            "Selection", "UpdateCoding", "Wire",
        ],
        "Operations": ["EventLoop", "Messaging", "Rounds", "Wire"],
        "Reporting": [],
        "MessagePassing": ["CMPI", "Simulation"],
    ]

    /// The modules that decide or compute and perform nothing.
    static let pure: Set<String> = [
        "Randomness", "ModelState", "UpdateCoding", "Aggregation", "Selection", "Rounds", "Adaptation",
    ]

    /// Clocks, sleeping and randomness that is not handed in.
    static let impure = [
        "ContinuousClock", "SuspendingClock", "Date()", "Task.sleep", "SystemRandomNumberGenerator", ".random(in",
        "arc4random",
        "clock_gettime", "gettimeofday", "usleep(", "DispatchTime", "DispatchQueue",
    ]

    static let sources = Repository.swiftFiles.filter { $0.module != nil }

    @Test(arguments: sources)
    func importsPointUpwardsOnly(_ file: Repository.File) throws {
        guard let module = file.module, module != "tributary" else { return }
        let allowed = try #require(Self.allowed[module], "\(module) is not in the table of modules")
        let own = Set(Self.allowed.keys).union(Self.allowed.values.flatMap { $0 })
        for line in file.lines {
            let words = line.split(separator: " ")
            guard let position = words.firstIndex(of: "import"), position <= 1, words.count > position + 1 else {
                continue
            }
            let name = String(words[position + 1])
            guard own.contains(name) else { continue }
            #expect(allowed.contains(name), "\(file.path) imports \(name), which \(module) may not")
        }
    }

    @Test(arguments: sources.filter { pure.contains($0.module ?? "") })
    func pureModulesHaveNoClockOrRandomness(_ file: Repository.File) {
        for (number, line) in file.lines.enumerated() where !line.drop(while: { $0 == " " }).hasPrefix("//") {
            for word in Self.impure where line.contains(word) {
                Issue.record("\(file.path):\(number + 1) uses \(word); pure modules are handed time and randomness")
            }
        }
    }
}
