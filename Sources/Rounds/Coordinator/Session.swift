// SPDX-License-Identifier: Apache-2.0

/// One connection, as the coordinator sees it.
struct Session: Sendable {
    enum State: Sendable {
        /// Must say hello first.
        case greeting
        /// Is an agent's.
        case agent(AgentID)
        /// Is an operator's, who watches these jobs.
        case `operator`(watching: Set<JobID>)
    }

    let peer: String
    var state: State
    var lastHeard: Instant

    var agent: AgentID? {
        if case .agent(let agent) = state { agent } else { nil }
    }
}

/// What the coordinator knows of an agent beyond its connection.
struct AgentRecord: Sendable {
    /// The agent's connection, if it has one.
    var connection: ConnectionID?
    var codecs: Set<String> = []
    var labels: [String: String] = [:]
    var resources: [String: Double] = [:]

    /// Whether it has a stream for adaptation jobs.
    var streams: Bool { (resources["stream"] ?? 0) > 0 }

    /// What it lacks to take part in a job with these codecs, in order.
    func missing(for coding: JobSpecification.Coding) -> [String] {
        coding.requiredNames.subtracting(codecs).sorted()
    }

    /// Whether a job selects from agents like this one.
    func isAdmitted(to specification: JobSpecification) -> Bool {
        specification.clientSelection.admits(labels: labels, resources: resources)
    }
}
