// SPDX-License-Identifier: Apache-2.0

/// An update that was checked and counts in its round.
public struct AcceptedUpdate: Sendable, Hashable {
    /// The update's key.
    public var key: UpdateKey
    /// The round in which it counts: the key's, but for work that was carried into a later one.
    public var round: RoundNumber
    /// The rounds between the model that it started from and the model that it changes; 0 in synchronous rounds.
    public var staleness: UInt32
    /// The digest of its coded bytes.
    public var digest: BlobDigest
    /// The coded bytes.
    public var byteCount: Int
    /// Its weight in the mean: samples.
    public var weight: Double
    /// Local steps taken.
    public var steps: UInt64
    /// Samples that went through training.
    public var trainedSamples: UInt64
    /// The mean training loss, in nats.
    public var loss: Double
    /// The time that training took.
    public var trainingTime: Duration
    /// The update's Euclidean norm.
    public var norm: Double
    /// The mean loss at the round's model, in nats; nil where the job does not ask for it.
    public var initialLoss: Double?
    /// How uncertain the round's model was of the agent's samples, 0 to 1; nil where the job does not ask for it.
    public var uncertainty: Double?
    /// Where the coded bytes go.
    public var bytesByKind: BytesByKind

    /// Creates a description of an update.
    public init(
        key: UpdateKey,
        digest: BlobDigest,
        byteCount: Int,
        weight: Double,
        steps: UInt64,
        trainedSamples: UInt64,
        loss: Double,
        trainingTime: Duration,
        norm: Double,
        initialLoss: Double? = nil,
        uncertainty: Double? = nil,
        bytesByKind: BytesByKind = BytesByKind(),
        round: RoundNumber? = nil,
        staleness: UInt32 = 0
    ) {
        self.key = key
        self.round = round ?? key.round
        self.staleness = staleness
        self.digest = digest
        self.byteCount = byteCount
        self.weight = weight
        self.steps = steps
        self.trainedSamples = trainedSamples
        self.loss = loss
        self.trainingTime = trainingTime
        self.norm = norm
        self.initialLoss = initialLoss
        self.uncertainty = uncertainty
        self.bytesByKind = bytesByKind
    }

    /// Takes over what the agent offered, with the norm that was measured.
    public init(_ offer: UpdateOffer, norm: Double, bytesByKind: BytesByKind = BytesByKind()) {
        self.init(
            key: offer.key,
            digest: offer.digest,
            byteCount: offer.byteCount,
            weight: offer.weight,
            steps: offer.steps,
            trainedSamples: offer.trainedSamples,
            loss: offer.loss,
            trainingTime: offer.trainingTime,
            norm: norm,
            initialLoss: offer.initialLoss,
            uncertainty: offer.uncertainty,
            bytesByKind: bytesByKind
        )
    }
}
