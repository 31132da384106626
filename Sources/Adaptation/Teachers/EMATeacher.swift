// SPDX-License-Identifier: Apache-2.0

public import ModelState

/// A teacher that follows its student slowly (mean teacher; Tarvainen, Valpola 2017).
///
///     teacher = a teacher + (1 - a) student
public struct EMATeacher: Sendable {
    /// The teacher's parameters, statistics included.
    public private(set) var parameters: ParameterVector
    /// The share a that stays in each step, 0 to 1.
    public let decay: Float

    /// Creates a teacher.
    ///
    /// - Throws: ``AdaptationError`` with code `invalidParameter` for a decay outside 0 to 1.
    public init(_ parameters: ParameterVector, decay: Float) throws {
        guard decay >= 0, decay <= 1 else {
            throw AdaptationError(.invalidParameter, "a teacher's decay is \(decay); it lies in 0 to 1")
        }
        self.parameters = parameters
        self.decay = decay
    }

    /// Moves towards the student.
    ///
    /// - Throws: ``AdaptationError``: `shapeMismatch`, `notFinite`; the teacher then stays as it was.
    public mutating func follow(_ student: ParameterVector) throws {
        guard student.count == parameters.count else {
            throw AdaptationError(.shapeMismatch, "a teacher of \(parameters.count) cannot follow \(student.count)")
        }
        guard student.isFinite else {
            throw AdaptationError(.notFinite, "a student that is not finite is not followed")
        }
        parameters.scale(by: decay)
        parameters.add(student, scale: 1 - decay)
    }
}
