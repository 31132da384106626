// SPDX-License-Identifier: Apache-2.0

/// Collects the agents' evaluations of one model.
struct EvaluationCollector: Sendable {
    let task: EvaluateTask
    /// What is there at this time is the result.
    let deadline: Instant
    private var awaiting: Set<AgentID>
    private var reports: [AgentID: EvaluationSummary] = [:]

    init(task: EvaluateTask, awaiting: Set<AgentID>, deadline: Instant) {
        self.task = task
        self.awaiting = awaiting
        self.deadline = deadline
    }

    var job: JobID { task.job }

    func isAwaiting(_ agent: AgentID) -> Bool { awaiting.contains(agent) }

    var isComplete: Bool { awaiting.isEmpty }

    mutating func add(_ summary: EvaluationSummary, from agent: AgentID) {
        guard awaiting.remove(agent) != nil, let fitting = fitting(summary) else { return }
        reports[agent] = fitting
    }

    /// A report as the job counts it; nil for one that lacks what the job's accuracy is made of.
    private func fitting(_ summary: EvaluationSummary) -> EvaluationSummary? {
        var summary = summary
        guard let expected = OpenWorldTensors(of: task.layout) else {
            summary.answers = nil
            return summary
        }
        guard summary.sampleCount > 0 else { return EvaluationSummary() }
        guard let answers = summary.answers, answers.classes == expected.classes,
            answers.seenClasses == expected.seenClasses, answers.sampleCount == summary.sampleCount
        else { return nil }
        return summary
    }

    mutating func giveUp(_ agent: AgentID) {
        awaiting.remove(agent)
    }

    /// The sum of the reports, taken in the order of the agents so that its last bit does not depend on who was first.
    var summary: EvaluationSummary {
        EvaluationSummary(of: reports.sorted { $0.key < $1.key }.map(\.value))
    }
}
