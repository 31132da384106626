// SPDX-License-Identifier: Apache-2.0

public import ModelState

/// What a client keeps of a job between rounds: durable on an agent, passed by value in simulations.
///
/// It never leaves the client. A client without a state is one before its first round.
public struct ClientState: Sendable, Equatable {
    /// The vectors by their names: those of ``names`` that the job's methods need.
    public var vectors: [String: ParameterVector] = [:]

    /// The names that a vector can have, in ascending order.
    public static let names = [dynamic, hyperStart, normalisation, momentum, previous, personal, control]

    /// FedDyn's h_i: minus alpha times all changes so far.
    static let dynamic = "dynamic.memory"
    /// FedHyper-CL: the round's model at the client's last round.
    static let hyperStart = "hypergradient.start"
    /// The client's momentum over its updates.
    static let momentum = "momentum.update"
    /// FedBN: the tensors that stay on the client, one after the other.
    static let normalisation = "local.normalisation"
    /// MOON: the model at the end of the client's last round.
    static let previous = "moon.previous"
    /// Ditto: the personal model.
    static let personal = "personal.model"
    /// SCAFFOLD's c_i.
    static let control = "scaffold.control"

    /// Creates the state before the first round.
    public init() {}

    /// Whether nothing is kept.
    public var isEmpty: Bool { vectors.isEmpty }

    /// A vector, once it was checked that it has as many elements as the model.
    func vector(_ name: String, count: Int) throws -> ParameterVector? {
        guard let vector = vectors[name] else { return nil }
        guard vector.count == count else {
            throw LearningError(
                .shapeMismatch,
                "the client's state '\(name)' has \(vector.count) elements where the job's model needs \(count); "
                    + "it is of another job: remove it"
            )
        }
        return vector
    }
}
