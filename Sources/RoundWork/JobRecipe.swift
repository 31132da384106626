// SPDX-License-Identifier: Apache-2.0

package import Aggregation
public import Learning
package import ModelState
package import Randomness
public import Rounds
package import UpdateCoding

/// What a coordinator needs to run a specification: the model's architecture, the strategy, the codecs.
public struct JobRecipe: Sendable {
    /// The model.
    public let architecture: ModelArchitecture
    /// The job.
    package let specification: JobSpecification
    /// The client-side methods.
    package let methods: ClientMethods
    /// The tensors that travel: the model's, then control variates where the methods have them.
    package let layout: TensorLayout
    /// The codec of updates.
    package let uplink: any UpdateCodec
    /// The codec of models, or of their changes.
    package let downlink: any UpdateCodec
    /// The codec of anchors; nil where every model travels whole.
    package let anchor: (any UpdateCodec)?
    /// Whether agents remember anything between rounds.
    package let agentsRemember: Bool
    /// Where the bytes of an update of fp32 go.
    package let denseBytesByKind: BytesByKind
    private let coordinatorRemembers: Bool

    /// Finds everything by name.
    ///
    /// - Throws: an error whose message says which name is unknown, and the known ones.
    public init(_ specification: JobSpecification) throws {
        self.specification = specification
        architecture = try ModelArchitecture(specification.model)
        for (key, value) in specification.strategy.settings where key == "f" || key.hasSuffix(".f") {
            guard value >= 0, value <= 1e6, value == value.rounded() else {
                throw SpecificationError(
                    .invalidValue,
                    "'strategy.settings.\(key)' is a number of clients, 0 or more, not \(value)"
                )
            }
        }
        methods = try ClientMethods(settings: specification.taskTraining.settings)
        layout = try TravellingLayout.make(architecture, methods)
        var kinds = BytesByKind()
        for index in layout.tensors.indices {
            kinds[layout.tensors[index].kind] += UInt64(layout.range(of: index).count * MemoryLayout<Float>.stride)
        }
        denseBytesByKind = kinds
        uplink = try CodecRegistry.codec(specification.codec.uplink)
        let isAnchored = specification.codec.anchor != nil
        downlink = try Self.plain(specification.codec.downlink, "downlink", why: "it has no client to remember for")
        anchor = try specification.codec.anchor.map { try Self.plain($0, "anchor", why: "an anchor stands for itself") }
        agentsRemember = try methods.keepsState || CodecRegistry.remembers(specification.codec.uplink)
        if Self.sendsDifferences(uplink), specification.strategy.rule != "fedavg" || !specification.strategy.pre.isEmpty
        {
            throw SpecificationError(
                .invalidValue,
                "'codec.uplink' with ef21 sends changes of estimates, of which only the mean makes sense; "
                    + "strategy.rule must be fedavg without pre-aggregators, not \(specification.strategy.rule)"
            )
        }
        if Self.sendsDifferences(uplink), methods.sendsControlVariate || methods.openWorld != nil {
            throw SpecificationError(
                .invalidValue,
                "'codec.uplink' with ef21 does not go with scaffold and fedossl; use ef14"
            )
        }
        coordinatorRemembers =
            isAnchored || Self.sendsDifferences(uplink) || specification.strategy.optimizer != "plain"
            || ["fedasync", "fedld", "centered-clipping"].contains(specification.strategy.rule)
            || methods.openWorld != nil
        try Self.checkRounds(specification, methods)
        _ = try strategy(for: RoundNumber.initial.next)
    }

    /// Refuses strategies that do not go with the order of rounds.
    private static func checkRounds(_ specification: JobSpecification, _ methods: ClientMethods) throws {
        let (strategy, mode) = (specification.strategy, specification.round.mode)
        if ["fedbuff", "fedasync"].contains(strategy.rule), mode != .buffered {
            throw SpecificationError(
                .invalidValue,
                "'strategy.rule' \(strategy.rule) is for updates of any age; set round: {mode: buffered, cohort: K}"
            )
        }
        if strategy.rule == "fedasync", strategy.optimizer != "plain" || strategy.serverLearningRate != 1 {
            throw SpecificationError(
                .invalidValue,
                "'strategy.rule' fedasync mixes models at the pace alpha; leave optimizer and server_learning_rate out"
            )
        }
        let keepsStep =
            methods.sendsControlVariate || methods.openWorld != nil || strategy.optimizer == "feddyn"
        guard mode != .synchronous, keepsStep else { return }
        throw SpecificationError(
            .invalidValue,
            "'round.mode' \(mode.rawValue) does not go with scaffold, feddyn and fedossl, whose clients and server "
                + "keep step; use synchronous rounds"
        )
    }

    /// A codec without a memory.
    private static func plain(_ text: String, _ key: String, why: String) throws -> any UpdateCodec {
        guard !text.contains("+") else {
            throw SpecificationError(
                .invalidValue,
                "'codec.\(key)' takes codecs without memory (\(why)); leave out what follows '+' in '\(text)'"
            )
        }
        return try CodecRegistry.codec(text)
    }

    private static func sendsDifferences(_ codec: any UpdateCodec) -> Bool {
        (codec as? FeedbackCodec)?.sendsDifferences ?? false
    }

    /// The strategy of one round; its randomness (bucketing) is new in every round.
    package func strategy(for round: RoundNumber) throws -> AggregationStrategy {
        let strategy = specification.strategy
        var settings = strategy.settings
        if strategy.rule == "fedasync" { settings["memory"] = Double(specification.round.maximumStaleness) }
        let made = try AggregationRegistry.strategy(
            rule: strategy.rule,
            pre: strategy.pre,
            optimizer: strategy.optimizer,
            settings: settings,
            seed: Seed(specification.seed).deriving("aggregation", UInt64(round.value)),
            clientCount: specification.minimumAgents
        )
        if Self.sendsDifferences(uplink) {
            return AggregationStrategy(
                rule: DifferenceAveraging(clientCount: specification.minimumAgents),
                optimizer: made.optimizer
            )
        }
        let modelTensorCount = architecture.layout.tensors.count
        if let settings = methods.openWorld {
            let rule = CalibratedRule(
                made.rule,
                modelTensorCount: modelTensorCount,
                settings: settings,
                round: round
            )
            return AggregationStrategy(rule: rule, optimizer: made.optimizer)
        }
        guard methods.sendsControlVariate else { return made }
        let rule = ControlledRule(
            made.rule,
            modelTensorCount: modelTensorCount,
            clientCount: specification.minimumAgents
        )
        return AggregationStrategy(rule: rule, optimizer: made.optimizer)
    }

    /// The fold of one round; with a sum of the updates by ``summedRule(for:)``, of that in their place.
    package func fold(for round: RoundNumber, sum: [Double]? = nil) throws -> ModelFold {
        var strategy = try strategy(for: round)
        if let sum, let rule = try summedRule(for: round) {
            strategy = AggregationStrategy(rule: SummedAveraging(sum, for: rule), optimizer: strategy.optimizer)
        }
        return ModelFold(strategy, serverLearningRate: specification.strategy.serverLearningRate)
    }

    /// The rule of a round, if it is a mean whose terms can be added where the updates are made, without the updates
    /// being looked at afterwards; nil otherwise.
    package func summedRule(for round: RoundNumber) throws -> FederatedAveraging? {
        let strategy = try strategy(for: round)
        let looksAtSum =
            strategy.optimizer is PlainStep || strategy.optimizer is MomentumStep
            || strategy.optimizer is AdaptiveStep
        return looksAtSum ? strategy.rule as? FederatedAveraging : nil
    }

    /// Whether a round leaves more behind than its model: what the strategy remembers, or the parts of a chain.
    package var keepsRoundState: Bool { coordinatorRemembers }

    /// The factor on the agents' learning rate when they train on a round's model.
    package func learningRateFactor(after round: RoundNumber, _ state: AggregationStrategy.State) throws -> Double {
        let strategy = specification.strategy
        var factor = 1.0
        if strategy.warmUpRounds > 0 {
            let done = Double(specification.training.localEpochs) * Double(round.value)
            factor = min(1, done / Double(strategy.warmUpRounds))
        }
        return factor * (try self.strategy(for: round.next).localLearningRateFactor(state))
    }

    /// The sizes that a coded update can have.
    package var updateBytes: ClosedRange<Int> {
        if let exact = uplink.encodedByteCount(layout: layout) { return exact...exact }
        return 0...uplink.maximumEncodedByteCount(layout: layout)
    }

    /// Where the bytes of a coded update go.
    ///
    /// - Throws: `UpdateCodingError` where the bytes are not the uplink codec's.
    package func bytesByKind(_ bytes: ByteSlice, seed: Seed) throws -> BytesByKind {
        try KindCounter.count(bytes, codec: uplink, layout: layout, seed: seed)
    }

    /// The seed of a job's initial model.
    package static func initialSeed(_ specification: JobSpecification) -> Seed {
        Seed(specification.seed).deriving("initial")
    }

    /// The vector that a job begins with: the initial model, and control variates of zero.
    package func initialVector() -> ParameterVector {
        let model = architecture.initialParameters(seed: Self.initialSeed(specification))
        guard layout.elementCount > model.count else { return model }
        var vector = ParameterVector(zeros: layout.elementCount)
        vector.withMutableElements { target in
            model.withElements { _ = target.update(fromContentsOf: $0) }
        }
        return vector
    }

    /// The model out of a vector that travelled.
    package func model(of vector: ParameterVector) -> ParameterVector {
        let count = architecture.layout.elementCount
        return vector.count == count ? vector : vector.section(0..<count)
    }
}
