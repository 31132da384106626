// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Foundation
import ModelState
import Testing

@Suite struct TeacherTests {
    @Test func aTeacherFollowsSlowly() throws {
        var teacher = try EMATeacher(ParameterVector([1, 2]), decay: 0.75)
        try teacher.follow(ParameterVector([5, -2]))
        #expect(teacher.parameters.elements == [2, 1])
    }

    @Test func aTeacherFollowsNothingThatIsNotFinite() throws {
        var teacher = try EMATeacher(ParameterVector([1, 2]), decay: 0.5)
        #expect(throws: AdaptationError.self) { try teacher.follow(ParameterVector([1, .nan])) }
        #expect(throws: AdaptationError.self) { try teacher.follow(ParameterVector([1])) }
        #expect(teacher.parameters.elements == [1, 2])
        #expect(throws: AdaptationError.self) { try EMATeacher(ParameterVector([1]), decay: 1.5) }
    }

    @Test func labelsAreTheSoftmax() throws {
        let label = try PseudoLabel(logits: [0, Float(3).logarithm, 0])
        #expect(label.label == 1)
        #expect(abs(label.confidence - 0.6) < 1e-6)
        #expect(label.isConfident(floor: 0.59) && !label.isConfident(floor: 0.61))
        #expect(abs(label.probabilities.reduce(0, +) - 1) < 1e-6)
    }

    @Test func labelsOfArraySlicesCountFromTheirStart() throws {
        #expect(try PseudoLabel(logits: [9, 9, 1, 5, 2][2...]).label == 1)
    }

    @Test func answersThatAreNotFiniteLabelNothing() {
        #expect(throws: AdaptationError.self) { try PseudoLabel(logits: [0, .nan]) }
        #expect(throws: AdaptationError.self) { try PseudoLabel(logits: [Float]()) }
    }

    @Test func uncertaintyDividesTheLearning() {
        let guidance = UncertaintyGuidance(threshold: 0.25)
        #expect(guidance.factors(uncertainty: 0.5) == (1.5, 0.5))
        #expect(guidance.factors(uncertainty: 0.125) == (0.875, 1.125))
        #expect(guidance.factors(uncertainty: 7) == (2, 0))
        #expect(guidance.factors(uncertainty: .nan) == (1, 1))
    }
}

extension Float {
    fileprivate var logarithm: Float { Foundation.log(self) }
}
