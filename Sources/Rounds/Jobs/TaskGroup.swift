// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// The tasks of a round that differ in nothing but their agents: one for all, told apart by agent, key and seed.
///
/// A round of a thousand agents so costs a shell that trains them itself no thousand descriptions.
public struct TaskGroup: Sendable, RandomAccessCollection {
    private let first: TrainTask
    private let jobSeed: UInt64
    /// The agents, in ascending order.
    public let agents: [AgentID]

    /// Creates a group.
    ///
    /// - Parameters:
    ///   - first: the task of the first agent.
    ///   - agents: at least one, in ascending order.
    ///   - jobSeed: the seed of the job.
    init(like first: TrainTask, agents: [AgentID], jobSeed: UInt64) {
        precondition(first.key.agent == agents.first, "a group's tasks are like that of its first agent")
        self.first = first
        self.agents = agents
        self.jobSeed = jobSeed
    }

    /// Where the agents' positions begin.
    public var startIndex: Int { 0 }
    /// The number of agents.
    public var endIndex: Int { agents.count }

    /// The model that all start from.
    public var base: ModelReference { first.base }
    /// How all train.
    public var training: TrainingSpecification { first.training }
    /// The codec that all updates must have.
    public var codec: String { first.codec }

    /// The key of an agent's update.
    public func key(at index: Int) -> UpdateKey {
        UpdateKey(job: first.key.job, round: first.key.round, attempt: first.key.attempt, agent: agents[index])
    }

    /// The seed of an agent's randomness.
    public func seed(at index: Int) -> Seed {
        Seed(JobMachine.seed(of: key(at: index), jobSeed: jobSeed))
    }

    /// An agent's task.
    public subscript(index: Int) -> TrainTask {
        var task = first
        task.key = key(at: index)
        task.seed = seed(at: index).value
        return task
    }
}
