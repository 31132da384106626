// SPDX-License-Identifier: Apache-2.0

import Randomness

/// The tables of names. Defaults are those of each type's initializer, which says what the settings mean.
extension AggregationRegistry {
    static let rules: [RuleEntry] = [
        RuleEntry(name: "fedavg", keys: ["uniform"]) { settings, engine in
            FederatedAveraging(isUniform: try settings.flag("uniform"), engine: engine)
        },
        RuleEntry(name: "fedld", keys: ["rho", "majority-sign", "gate"]) { settings, engine in
            try PrincipalGradientAggregation(
                keptFraction: settings.number("rho", default: 0.8),
                majoritySign: settings.flag("majority-sign"),
                historyGate: settings.flag("gate", default: true),
                engine: engine
            )
        },
        RuleEntry(name: "fednova", keys: ["rho", "mu"]) { settings, engine in
            try NormalizedAveraging(
                momentum: settings.number("rho", default: 0),
                proximal: settings.number("mu", default: 0),
                engine: engine
            )
        },
        RuleEntry(name: "q-fedavg", keys: ["q", "lr"]) { settings, engine in
            try FairAveraging(fairness: settings.required("q"), learningRate: settings.required("lr"), engine: engine)
        },
        RuleEntry(name: "fedbuff", keys: ["exponent", "hinge-a", "hinge-b", "weighted"]) { settings, engine in
            BufferedAveraging(
                staleness: try StalenessWeight(settings, rule: "fedbuff"),
                isWeighted: try settings.flag("weighted"),
                engine: engine
            )
        },
        RuleEntry(name: "fedasync", keys: ["alpha", "exponent", "hinge-a", "hinge-b", "memory"]) { settings, engine in
            try MixedAveraging(
                mixing: settings.number("alpha", default: 0.6),
                staleness: StalenessWeight(settings, rule: "fedasync"),
                memory: settings.count("memory", default: 20),
                engine: engine
            )
        },
        RuleEntry(name: "median", keys: []) { _, engine in CoordinateMedian(engine: engine) },
        RuleEntry(name: "trimmed-mean", keys: ["f"]) { settings, engine in
            TrimmedMean(faulty: try settings.count("f", default: 0), engine: engine)
        },
        RuleEntry(name: "meamed", keys: ["f"]) { settings, engine in
            MeanAroundMedian(faulty: try settings.count("f", default: 0), engine: engine)
        },
        RuleEntry(name: "geometric-median", keys: ["nu", "iterations"]) { settings, engine in
            try GeometricMedian(
                smoothing: settings.number("nu", default: 0.1),
                iterations: settings.count("iterations", default: 3),
                engine: engine
            )
        },
        RuleEntry(name: "krum", keys: ["f", "paper", "unsquared"]) { settings, engine in
            Krum(faulty: try settings.count("f", default: 0), score: try krumScore(settings), engine: engine)
        },
        RuleEntry(name: "multi-krum", keys: ["f", "m", "paper", "unsquared"]) { settings, engine in
            MultiKrum(
                faulty: try settings.count("f", default: 0),
                keep: try settings.optionalCount("m"),
                score: try krumScore(settings),
                engine: engine
            )
        },
        RuleEntry(name: "centered-clipping", keys: ["tau", "iterations"]) { settings, engine in
            try CenteredClipping(
                radius: settings.number("tau", default: 100),
                iterations: settings.count("iterations", default: 1),
                engine: engine
            )
        },
        RuleEntry(name: "mda", keys: ["f"]) { settings, engine in
            MinimumDiameterAveraging(faulty: try settings.count("f", default: 0), engine: engine)
        },
        RuleEntry(name: "monna", keys: ["f", "pivot"]) { settings, engine in
            NearestNeighborAveraging.monna(
                faulty: try settings.count("f", default: 0),
                pivot: try settings.count("pivot", default: 0),
                engine: engine
            )
        },
        RuleEntry(name: "nna", keys: ["keep", "pivot"]) { settings, engine in
            _ = try settings.required("keep")
            return NearestNeighborAveraging(
                keep: try settings.count("keep", default: 0),
                pivot: try settings.count("pivot", default: 0),
                engine: engine
            )
        },
        RuleEntry(name: "caf", keys: ["f"]) { settings, engine in
            CovarianceFilter(faulty: try settings.count("f", default: 0), engine: engine)
        },
        RuleEntry(name: "smea", keys: ["f"]) { settings, engine in
            SmallestEigenvalueAveraging(faulty: try settings.count("f", default: 0), engine: engine)
        },
    ]

    static let preAggregators: [PreAggregatorEntry] = [
        PreAggregatorEntry(name: "nnm", keys: ["f"]) { settings, _ in
            NearestNeighborMixing(faulty: try settings.count("f", default: 0))
        },
        PreAggregatorEntry(name: "bucketing", keys: ["s"]) { settings, seed in
            Bucketing(size: try settings.count("s", default: 1), seed: seed)
        },
        PreAggregatorEntry(name: "clipping", keys: ["c"]) { settings, _ in
            NormClipping(bound: try settings.number("c", default: 2))
        },
        PreAggregatorEntry(name: "arc", keys: ["f"]) { settings, _ in
            AdaptiveRobustClipping(faulty: try settings.count("f", default: 0))
        },
    ]

    static let optimizers: [OptimizerEntry] = [
        OptimizerEntry(name: "plain", keys: ["lr"]) { settings, _ in
            try PlainStep(learningRate: settings.number("lr", default: 1))
        },
        OptimizerEntry(name: "fedavgm", keys: ["beta", "lr"]) { settings, _ in
            try MomentumStep(
                momentum: settings.number("beta", default: 0.9),
                learningRate: settings.number("lr", default: 1)
            )
        },
        adaptive("fedadagrad", .adagrad), adaptive("fedadam", .adam), adaptive("fedyogi", .yogi),
        OptimizerEntry(name: "fedexp", keys: ["epsilon"]) { settings, engine in
            try ExtrapolatedStep(epsilon: settings.number("epsilon", default: 1e-3), engine: engine)
        },
        hypergradient("fedhyper-g", .global), hypergradient("fedhyper-sl", .local),
        OptimizerEntry(name: "co2", keys: ["beta", "lr", "clip", "gap"]) { settings, _ in
            try OverlappedStep(
                momentum: settings.number("beta", default: 0.2),
                learningRate: settings.number("lr", default: 1),
                clip: settings.number("clip", default: 1),
                penalisesStaleness: settings.flag("gap")
            )
        },
        OptimizerEntry(name: "feddyn", keys: []) { _, _ in DynamicStep() },
    ]

    private static func krumScore(_ settings: AggregationSettings) throws -> KrumScore {
        let (paper, unsquared) = (try settings.flag("paper"), try settings.flag("unsquared"))
        guard !(paper && unsquared) else {
            throw AggregationError(.invalidParameter, "krum: 'paper' and 'unsquared' are two definitions: give one")
        }
        return paper ? .paper : unsquared ? .unsquared : .byzfl
    }

    private static func adaptive(_ name: String, _ variant: AdaptiveStep.Variant) -> OptimizerEntry {
        OptimizerEntry(name: name, keys: ["lr", "beta1", "beta2", "tau"]) { settings, _ in
            try AdaptiveStep(
                variant,
                firstDecay: settings.optional("beta1"),
                secondDecay: settings.number("beta2", default: 0.99),
                learningRate: settings.number("lr", default: 0.01),
                adaptivity: settings.number("tau", default: 1e-3)
            )
        }
    }

    private static func hypergradient(_ name: String, _ target: HypergradientStep.Target) -> OptimizerEntry {
        OptimizerEntry(name: name, keys: ["released", "lower", "upper", "normalized"]) { settings, _ in
            let released = try settings.flag("released")
            let preset = try HypergradientStep(target, released: released).bounds
            let lower = try settings.number("lower", default: preset.lowerBound)
            let upper = try settings.number("upper", default: preset.upperBound)
            try FaultTolerance.require(lower <= upper, rule: name, "'lower' must not exceed 'upper'")
            return try HypergradientStep(
                target,
                released: released,
                bounds: lower...upper,
                normalized: settings.flag("normalized")
            )
        }
    }
}
