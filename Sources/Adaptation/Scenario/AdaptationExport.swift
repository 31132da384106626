// SPDX-License-Identifier: Apache-2.0

public import Learning
public import ModelState
public import Rounds

/// What a scenario's device and cloud begin with on one data set with one seed: to run the same over a network.
public struct AdaptationExport: Sendable {
    /// The data set.
    public let data: String
    /// The seed.
    public let seed: UInt64
    /// The device's model, without dropout, and its parameters.
    public let device: ModelSpecification
    /// The parameters that devices begin with.
    public let source: ParameterVector
    /// The teacher's model, and its parameters.
    public let teacher: ModelSpecification
    /// The teacher's parameters.
    public let teacherParameters: ParameterVector
    /// The tensors of both.
    public let layouts: (device: TensorLayout, teacher: TensorLayout)
    /// Clean labelled samples that nobody trained on.
    public let heldOut: SampleTable
    /// The stream, in its order.
    public let stream: SampleTable

    /// Trains the models and draws the stream.
    ///
    /// - Throws: ``LearningError``, ``AdaptationError``, ``SelectionError``.
    public init(_ scenario: AdaptationScenario, data: String, seed: UInt64) throws {
        let world = try AdaptationWorld(scenario, data: DataSpecification(parsing: data).loadWhole(), seed: seed)
        self.data = data
        self.seed = seed
        device = AdaptationWorld.withoutDropout(scenario.device.model)
        source = world.source
        teacher = AdaptationWorld.withoutDropout(scenario.teacher.model)
        teacherParameters = world.teacherParameters
        layouts = (world.device.layout, world.teacher.layout)
        heldOut = world.clean
        stream = world.stream
    }
}
