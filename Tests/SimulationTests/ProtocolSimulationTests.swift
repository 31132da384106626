// SPDX-License-Identifier: Apache-2.0

import Digest
import ModelState
import Randomness
import RoundWork
import Rounds
import Testing

@testable import Simulation

struct ProtocolSimulationTests {
    func job(rounds: Int = 3, cohort: Int = 0) -> JobSpecification {
        JobSpecification(
            name: "job",
            seed: 11,
            rounds: rounds,
            minimumAgents: 5,
            model: ModelSpecification(kind: "vector", elements: 300),
            strategy: JobSpecification.Strategy(serverLearningRate: 0.7),
            round: RoundPolicy(cohort: cohort)
        )
    }

    /// The same job by the plain formula, without messages, machines or files.
    func plainModel(_ job: JobSpecification) throws -> ParameterVector {
        let recipe = LearningRecipe.pseudo
        let jobRecipe = try JobRecipe(job)
        let layout = jobRecipe.layout
        var model = jobRecipe.initialVector()
        let machine = JobMachine(job: JobID(1), specification: job)
        for round in 1...UInt32(job.rounds) {
            var updates: [TrainingOutcome] = []
            for number in 1...5 {
                let key = UpdateKey(
                    job: JobID(1),
                    round: RoundNumber(round),
                    attempt: 1,
                    agent: AgentID(number: number, of: 5)
                )
                let reference = ModelReference(
                    round: RoundNumber(round - 1),
                    digest: BlobDigest(hashing: model),
                    byteCount: model.byteCount,
                    codec: "fp32"
                )
                let task = TrainTask(
                    key: key,
                    base: reference,
                    model: job.model,
                    layout: layout,
                    training: job.training,
                    seed: machine.seed(of: key),
                    codec: "fp32",
                    deadline: .seconds(1)
                )
                updates.append(try recipe.beginTraining(task, model, ClientMemory())())
            }
            let total = updates.reduce(0) { $0 + $1.weight }
            let deltas = updates.map(\.delta.elements)
            model = ParameterVector(
                model.elements.enumerated().map { index, value in
                    var sum = 0.0
                    for (update, delta) in zip(updates, deltas) { sum += update.weight / total * Double(delta[index]) }
                    return Float(Double(value) + 0.7 * sum)
                }
            )
        }
        return model
    }

    @Test func givesTheModelOfThePlainFormulaBitForBit() throws {
        let simulation = ProtocolSimulation(recipe: .pseudo)
        let profiles = (0..<5).map { AgentProfile(training: .milliseconds(100 * (5 - $0))) }
        let result = try simulation.run(job: job(), agents: profiles, seed: Seed(1))
        #expect(result.model == (try plainModel(job())))
        #expect(result.status.phase == .finished && result.status.acceptedUpdates == 15)
        #expect(result.status.modelDigest == BlobDigest(hashing: result.model))
    }

    @Test func theModelDoesNotDependOnTheNetworkButTheEventsDo() throws {
        let simulation = ProtocolSimulation(recipe: .pseudo)
        let near = Array(repeating: AgentProfile(), count: 5)
        let far = (0..<5).map { index in
            AgentProfile(
                link: LinkProfile(
                    latency: .milliseconds(10 + 40 * index),
                    jitter: .milliseconds(30),
                    bytesPerSecond: 9_000
                )
            )
        }
        let first = try simulation.run(job: job(), agents: near, seed: Seed(1))
        let second = try simulation.run(job: job(), agents: far, seed: Seed(2))
        #expect(first.model == second.model)
        #expect(first.eventHash != second.eventHash && first.elapsed < second.elapsed)
    }

    @Test func countsBytesOfModelsAndUpdates() throws {
        let result = try ProtocolSimulation(recipe: .pseudo).run(
            job: job(),
            agents: Array(repeating: AgentProfile(), count: 5),
            seed: Seed(1)
        )
        let payload: UInt64 = 15 * 1_200
        #expect(result.status.bytesUp == payload)
        // Each agent loads the initial model and that of each round; the last one to evaluate it.
        #expect(result.status.bytesDown == 5 * 4 * 1_200)
        #expect(result.bytesUp > payload && result.bytesDown > result.status.bytesDown)
    }

    @Test func timeIsThatOfTheSlowestAgent() throws {
        var profiles = Array(repeating: AgentProfile(training: .seconds(1)), count: 5)
        profiles[3].training = .seconds(100)
        let result = try ProtocolSimulation(recipe: .pseudo).run(job: job(), agents: profiles, seed: Seed(1))
        #expect(result.elapsed > .seconds(300) && result.elapsed < .seconds(310))
        #expect(result.status.trainingTime == .seconds(300))
    }

    @Test func faultsChangeTheEventsAndNotTheModel() throws {
        var job = job()
        job.round = RoundPolicy(quorum: 1, deadline: DurationText(.seconds(60)), maximumExtensions: 1_000)
        let simulation = ProtocolSimulation(recipe: .pseudo)
        let profiles = Array(repeating: AgentProfile(training: .seconds(20)), count: 5)
        let faults = FaultRates(disconnect: 5, coordinatorKill: 20, powerLoss: 40, agentKill: 30, outageSeconds: 2)
        var kinds: [JobEvent.Kind] = []
        let calm = try simulation.run(job: job, agents: profiles, seed: Seed(1)) { kinds.append($0.kind) }
        let rough = try simulation.run(job: job, agents: profiles, faults: faults, seed: Seed(1))
        #expect(rough.model == calm.model && rough.elapsed > calm.elapsed && rough.eventHash != calm.eventHash)
        #expect(kinds.count { $0 == .roundStarted } == 3 && kinds.count { $0 == .roundCommitted } == 3)
        #expect(kinds.last == .ended)
    }

    @Test func aJobThatCannotEndIsReported() {
        var simulation = ProtocolSimulation(recipe: .pseudo)
        simulation.timeLimit = .seconds(100)
        #expect(throws: ProtocolSimulation.Unfinished.self) {
            try simulation.run(job: job(), agents: [AgentProfile()], seed: Seed(1))
        }
    }

    @Test func trainingsMayRunAheadOnOtherThreads() throws {
        // Begun at once on another thread, awaited when the virtual training is over.
        var recipe = LearningRecipe.pseudo
        let sequential = recipe.beginTraining
        recipe.beginTraining = { task, model, memory in
            let work = BackgroundWork { try sequential(task, model, memory)() }
            return { try work.wait() }
        }
        let profiles = Array(repeating: AgentProfile(), count: 5)
        let result = try ProtocolSimulation(recipe: recipe).run(job: job(), agents: profiles, seed: Seed(1))
        let expected = try ProtocolSimulation(recipe: .pseudo).run(job: job(), agents: profiles, seed: Seed(1))
        #expect(result.eventHash == expected.eventHash && result.model == expected.model)
    }

    /// Damages every frame of a kind once.
    struct DamagingTransport: MessageTransport {
        struct Damaged: Error {}
        let inner = ValueTransport()

        func encode(_ message: AgentMessage) -> VirtualFrame {
            if case .offer = message { return VirtualFrame(.bytes([0xFF]), byteCount: 1) }
            return inner.encode(message)
        }
        func encode(_ message: CoordinatorMessage) -> VirtualFrame { inner.encode(message) }
        func agentMessage(in frame: VirtualFrame) throws -> AgentMessage { try inner.agentMessage(in: frame) }
        func coordinatorMessage(in frame: VirtualFrame) throws -> CoordinatorMessage {
            try inner.coordinatorMessage(in: frame)
        }
    }

    @Test func framesThatCannotBeDecodedEndTheConnectionOnly() {
        let test = TestWorld(transport: DamagingTransport())
        #expect(!test.finish(within: .seconds(60)))
        #expect(test.world.coordinator.isRunning && test.world.agents.allSatisfy(\.isRunning))
        #expect(test.violations.isEmpty)
    }
}
