// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Selection
import Testing

@testable import Rounds

struct SelectionSpecificationTests {
    private func decode(_ selection: String, round: String = #"{"cohort": 3}"#) throws -> JobSpecification {
        let text = #"{"round": \#(round), "selection": \#(selection)}"#
        return try JSONDecoder().decode(JobSpecification.self, from: Data(text.utf8))
    }

    @Test func aTextIsAPolicy() throws {
        #expect(try decode(#""weighted""#).selection == SelectionSpecification(policy: .weighted))
        #expect(
            try decode(#""power-of-choice:candidates=7""#).selection?.policy == .powerOfChoice(candidates: 7)
        )
    }

    @Test func aMappingHasThePolicyItsSettingsAndACondition() throws {
        let job = try decode(
            #"{"policy": "uncertainty", "exploration": 0.2, "cap": 3, "samples": 9, "where": "region=eu & ram>4"}"#
        )
        let selection = try #require(job.selection)
        #expect(selection.policy == .uncertainty(exploration: 0.2, cap: 3) && selection.samples == 9)
        #expect(selection.admits(labels: ["region": "eu", "ram": "8"], resources: [:]))
        #expect(selection.admits(labels: ["region": "eu"], resources: ["ram": 5]))
        #expect(!selection.admits(labels: ["region": "us", "ram": "8"], resources: [:]))
        #expect(!selection.admits(labels: ["region": "eu", "ram": "4"], resources: [:]))
        #expect(job.taskTraining.settings == ["report_uncertainty": 9] && job.training.settings.isEmpty)
        let encoded = try JSONEncoder().encode(job)
        #expect(try JSONDecoder().decode(JobSpecification.self, from: encoded) == job)
    }

    @Test func freshScoresAreNotReportedWithUpdates() throws {
        let job = try decode(#"{"policy": "uncertainty", "scores": "fresh", "samples": 8}"#)
        #expect(job.selection?.scores == .fresh && job.taskTraining == job.training)
        let encoded = try JSONEncoder().encode(job)
        #expect(try JSONDecoder().decode(JobSpecification.self, from: encoded) == job)
    }

    @Test func withoutTheKeyNothingIsDifferent() throws {
        let job = try JSONDecoder().decode(JobSpecification.self, from: Data("{}".utf8))
        #expect(job.selection == nil && job.clientSelection.isUniform && job.taskTraining == job.training)
        #expect(!String(decoding: try JSONEncoder().encode(job), as: UTF8.self).contains("\"selection\""))
        #expect(job.clientSelection.admits(labels: [:], resources: [:]))
    }

    @Test(arguments: [
        (#""oort""#, "known are uniform, weighted, power-of-choice, uncertainty"),
        (#"{"policy": "weighted", "cap": 2}"#, "weighted has no setting 'cap'"),
        (#"{"policy": "power-of-choice", "candidates": 1.5}"#, "'candidates' is a whole number"),
        (#"{"policy": "uncertainty", "exploration": 2}"#, "'exploration' is a fraction"),
        (#"{"policy": "uncertainty:cap=2", "cap": 2}"#, "no client selection is named"),
        (#"{"policy": "uncertainty", "samples": 0}"#, "'selection.samples' must be between 1"),
        (#"{"policy": "weighted", "samples": 5}"#, "only policy uncertainty and fresh scores"),
        (#"{"policy": "weighted", "scores": "fresh"}"#, "'selection.scores' must be left out"),
        (#"{"policy": "uncertainty", "scores": "old"}"#, "it takes one of: last, fresh"),
        (#"{"where": "ram >"}"#, "column 6"),
        (#"{"wher": "ram > 1"}"#, "unknown key 'wher' under 'selection'"),
        (#"{"policy": 3}"#, "'selection.policy' has a value of the wrong kind"),
    ])
    func mistakesAreNamedInOneLine(_ text: String, _ expected: String) {
        let error = #expect(throws: SpecificationError.self) { try decode(text) }
        #expect(error?.message.contains(expected) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("\n") == false)
    }

    @Test func whereEveryoneIsAskedThereIsNothingToChoose() {
        #expect(throws: SpecificationError.self) { try decode(#""weighted""#, round: "{}") }
        #expect(throws: SpecificationError.self) {
            try decode(#""weighted""#, round: #"{"mode": "buffered", "cohort": 2}"#)
        }
        #expect(throws: Never.self) { try decode(#"{"where": "a=b"}"#, round: "{}") }
    }
}
