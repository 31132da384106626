// SPDX-License-Identifier: Apache-2.0

import Glibc
import ModelState
import Randomness
import Rounds
import Testing

@testable import Learning

/// Real data, from the folder that TRIBUTARY_DATA names or from `../shared/data` beside the package.
@Suite struct RealDataTests {
    static let folder: String = {
        if let path = getenv("TRIBUTARY_DATA") { return String(cString: path) }
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return "/\(root)/../shared/data"
    }()
    static let isPresent = access(folder + "/mnist", R_OK) == 0
    static let missing: Comment = "no real data: set TRIBUTARY_DATA to its folder"

    private func counts(_ labels: [Int32], classes: Int) -> [Int] {
        var counts = [Int](repeating: 0, count: classes)
        for label in labels { counts[Int(label)] += 1 }
        return counts
    }

    @Test(.enabled(if: isPresent, missing)) func mnistHasItsPublishedShape() throws {
        let data = try DataSpecification(parsing: "idx:\(Self.folder)/mnist").load()
        let (train, test) = (try data.requireTrain(), try data.requireTest())
        #expect(train.shape == [28, 28] && train.count == 60_000 && test.count == 10_000)
        #expect(counts(train.labels, classes: 10) == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])
        #expect(counts(test.labels, classes: 10) == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
        #expect(data.classCount == 10)
    }

    @Test(.enabled(if: isPresent, missing)) func testOnlyFoldersAreReadForTheirTestPart() throws {
        let data = try DataSpecification(parsing: "idx:\(Self.folder)/kmnist").load()
        #expect(try data.requireTest().count == 10_000)
        #expect(throws: LearningError.self) { try data.requireTrain() }
    }

    @Test(.enabled(if: isPresent, missing)) func pneumoniaHasItsPublishedCounts() throws {
        let data = try DataSpecification(parsing: "npz:\(Self.folder)/pneumoniamnist/pneumoniamnist.npz").load()
        #expect(counts(try data.requireTrain().labels, classes: 2) == [1214, 3494])
        #expect(counts(try data.requireTest().labels, classes: 2) == [234, 390])
        #expect(try data.requireTrain().shape == [28, 28])
    }

    @Test(.enabled(if: isPresent, missing)) func heartDiseaseHasFourNaturalClients() throws {
        let text = "csv:\(Self.folder)/heart-disease?binary=1&test=0&split=natural"
        let sizes = try (1...4).map {
            try DataSpecification(parsing: "\(text)&part=\($0)/4").load().requireTrain().count
        }
        #expect(sizes == [303, 294, 123, 200])
        let all = try DataSpecification(parsing: text).load().requireTrain()
        #expect(all.shape == [13] && counts(all.labels, classes: 2) == [411, 509])
        let multi = try DataSpecification(parsing: "csv:\(Self.folder)/heart-disease?test=0").load().requireTrain()
        #expect(counts(multi.labels, classes: 5) == [411, 265, 109, 107, 28])
    }

    @Test(.enabled(if: isPresent, missing)) func logisticRegressionLearnsHeartDisease() throws {
        let data = try DataSpecification(parsing: "csv:\(Self.folder)/heart-disease?binary=1").load()
        let model = try ModelArchitecture(ModelSpecification(kind: "softmax", input: [13], classes: 2))
        let trainer = LocalTrainer(model: model)
        var parameters = model.initialParameters(seed: Seed(1))
        parameters.add(
            try trainer.train(
                parameters: parameters,
                samples: Samples(try data.requireTrain()),
                specification: TrainingSpecification(localEpochs: 30),
                seed: Seed(1)
            ).delta
        )
        let score = try trainer.evaluate(parameters: parameters, samples: Samples(try data.requireTest()))
        #expect(score.accuracy > 0.75, "reached \(score.accuracy)")
    }

    @Test(.enabled(if: isPresent, missing)) func namedClientColumnsAreFound() throws {
        // The targets are not classes; the age stands in for one.
        let text =
            "csv:\(Self.folder)/parkinsons-telemonitoring/parkinsons_updrs.data?label=age&client=subject#"
            + "&skip=motor_UPDRS,total_UPDRS&test=0"
        let table = try DataSpecification(parsing: text).load().requireTrain()
        #expect(table.count == 5875 && Set(table.clients ?? []).count == 42 && table.shape == [18])
    }
}
