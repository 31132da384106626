// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Rounds

struct StrategyPresetTests {
    private func job(_ text: String) throws -> JobSpecification {
        try JSONDecoder().decode(JobSpecification.self, from: Data(text.utf8))
    }

    @Test func aNameStandsForBothHalvesOfAMethod() throws {
        let job = try job(#"{"strategy": "fedld"}"#)
        #expect(job.strategy.rule == "fedld" && job.strategy.preset == "fedld")
        #expect(job.training.settings == ["margin_lambda": 0.03])
    }

    @Test func whatTheFileSaysWins() throws {
        let job = try job(
            #"{"strategy": {"preset": "feddyn", "rule": "median", "settings": {"uniform": 0}},"#
                + #" "training": {"settings": {"dynamic_alpha": 0.5}}}"#
        )
        #expect(job.strategy.rule == "median" && job.strategy.optimizer == "feddyn")
        #expect(job.strategy.settings == ["uniform": 0])
        #expect(job.training.settings == ["dynamic_alpha": 0.5])
    }

    @Test(arguments: StrategyPreset.all.map(\.name))
    func readingAgainGivesTheSame(_ name: String) throws {
        let first = try job(#"{"strategy": "\#(name)", "training": {"learning_rate": 0.25}}"#)
        let again = try JSONDecoder().decode(JobSpecification.self, from: JSONEncoder().encode(first))
        #expect(first == again)
    }

    @Test func settingsBesideTheNameGoToTheHalfThatReadsThem() throws {
        let job = try job(#"{"strategy": {"preset": "scaffold", "settings": {"scaffold": 0.5, "uniform": 0, "x": 3}}}"#)
        #expect(job.strategy.settings == ["uniform": 0, "x": 3])
        #expect(job.training.settings == ["scaffold": 0.5])
    }

    @Test func qFedAvgTakesTheClientsLearningRate() throws {
        let job = try job(#"{"strategy": "q-fedavg", "training": {"learning_rate": 0.25}}"#)
        #expect(job.strategy.settings == ["q": 1, "q-fedavg.lr": 0.25])
        #expect(job.training.settings == ["report_initial_loss": 1])
    }

    @Test func anUnknownNameListsTheKnown() {
        #expect {
            _ = try job(#"{"strategy": "fedfoo"}"#)
        } throws: { error in
            "\(error)".contains("fedfoo") && "\(error)".contains("scaffold")
        }
    }
}
