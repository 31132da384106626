// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Rounds

/// Which agents take part in a job depends on the codecs that they know.
struct CoordinatorCoreCodecTests {
    private func driver(_ codecs: [[String]], _ coding: JobSpecification.Coding) -> CoordinatorDriver {
        var driver = CoordinatorDriver()
        driver.connectOperator()
        for (index, known) in codecs.enumerated() {
            driver.open(UInt64(index + 1))
            driver.say(.hello(Hello(agent: "agent-\(index + 1)", codecs: known)), on: UInt64(index + 1))
        }
        var specification = JobSpecification.sample(agents: 1, rounds: 1)
        specification.codec = coding
        driver.submit(specification)
        return driver
    }

    private func warnings(_ driver: CoordinatorDriver) -> [String] {
        driver.actions.compactMap { if case .log(let line) = $0, line.level == .warning { line.message } else { nil } }
    }

    @Test func requiredNamesAreThoseOfAllCodecsAndWrappers() {
        let coding = JobSpecification.Coding(uplink: "topk:fraction=0.01+ef14", downlink: "ecdq:bits=2", anchor: "int8")
        #expect(coding.requiredNames == ["topk", "ef14", "ecdq", "int8"])
        #expect(JobSpecification.Coding().requiredNames == ["fp32"])
    }

    @Test func anAgentWithoutTheCodecIsNotAskedAndTheLogSaysWhy() {
        let driver = driver([["fp32"], ["fp32", "ecdq"]], .init(uplink: "ecdq:bits=2"))
        #expect(driver.tasks(on: 1).isEmpty && driver.tasks(on: 2).count == 1)
        #expect(warnings(driver).count == 1 && warnings(driver).first?.contains("agent-1") == true)
        #expect(warnings(driver).first?.contains("ecdq") == true)
    }

    @Test func oneThatComesLaterIsHeldToTheSame() {
        var driver = driver([["fp32"]], .init(uplink: "ecdq:bits=2"))
        driver.open(5)
        driver.say(.hello(Hello(agent: "late", codecs: ["fp32", "int8"])), on: 5)
        #expect(driver.tasks(on: 5).isEmpty && warnings(driver).count == 2)
        driver.open(6)
        driver.say(.hello(Hello(agent: "able", codecs: ["fp32", "ecdq"])), on: 6)
        #expect(driver.tasks(on: 6).count == 1)
    }

    @Test func trafficIsCountedForEachAgentAndToldAtTheEnd() {
        var driver = driver([["fp32"], ["fp32"]], .init())
        let job = JobID(1)
        driver.core.countSentBytes(job, 100, on: ConnectionID(1))
        driver.core.countSentBytes(job, 50, on: ConnectionID(2))
        driver.upload(agents(2)[0], on: 1)
        driver.upload(agents(2)[1], on: 2)
        let traffic = driver.core.traffic(of: job)
        #expect(traffic.map(\.bytesDown) == [100, 50] && traffic.map(\.bytesUp) == [32, 32])
        let lines = driver.actions.compactMap { if case .log(let line) = $0 { line.message } else { nil } }
        #expect(lines.contains { $0.contains("bytes up 64, down 150") && $0.contains("agent-2 32/50") })
    }
}
