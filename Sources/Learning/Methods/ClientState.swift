// SPDX-License-Identifier: Apache-2.0

public import ModelState

/// What a client keeps of a job between rounds; durable on an agent, passed by value in simulations.
public struct ClientState: Sendable, Equatable {
    /// Vectors by name.
    public var vectors: [String: ParameterVector] = [:]

    /// Creates the state before the first round.
    public init() {}

    /// Whether nothing is remembered.
    public var isEmpty: Bool { vectors.isEmpty }
}
