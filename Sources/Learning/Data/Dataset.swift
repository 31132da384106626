// SPDX-License-Identifier: Apache-2.0

public import Randomness

/// A data set: samples to train on, samples to test on, or both.
public struct Dataset: Sendable {
    /// Where the data came from, as messages name it.
    public let name: String
    /// The samples to train on.
    public let train: SampleTable?
    /// The samples to test on.
    public let test: SampleTable?

    /// Creates a data set.
    public init(name: String, train: SampleTable?, test: SampleTable?) {
        self.name = name
        self.train = train
        self.test = test
    }

    /// The number of classes: one more than the largest label.
    public var classCount: Int { max(train?.classCount ?? 0, test?.classCount ?? 0) }

    /// The samples to train on.
    ///
    /// - Throws: ``LearningError`` with code `missingData` where the source has none.
    public func requireTrain() throws -> SampleTable {
        guard let train, train.count > 0 else {
            throw LearningError(.missingData, "\(name) has no training samples; add its training files")
        }
        return train
    }

    /// The samples to test on.
    ///
    /// - Throws: ``LearningError`` with code `missingData` where the source has none.
    public func requireTest() throws -> SampleTable {
        guard let test, test.count > 0 else {
            throw LearningError(
                .missingData,
                "\(name) has no test samples; add its test files or hold some out with test=0.2"
            )
        }
        return test
    }

    /// The training samples alone, a share of which is held out as test samples: what settings are chosen by, so that
    /// the test samples stay unseen.
    ///
    /// - Parameters:
    ///   - fraction: the share, above 0 and below 1.
    ///   - seed: which samples are held out.
    /// - Throws: ``LearningError`` where nothing would be left to train on, or nothing held out.
    public func validating(on fraction: Double, seed: Seed) throws -> Dataset {
        let (train, heldOut) = HoldOut.split(try requireTrain(), fraction: fraction, seed: seed.deriving("validation"))
        guard let train, train.count > 0, let heldOut, heldOut.count > 0 else {
            throw LearningError(.missingData, "\(name) has too few samples to hold \(fraction) of them out")
        }
        return Dataset(name: name, train: train, test: heldOut)
    }
}
